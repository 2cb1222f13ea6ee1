from django.apps import AppConfig


class ClipsConfig(AppConfig):
    name = "portal.clips"
    default_auto_field = "django.db.models.BigAutoField"
