from django.apps import AppConfig


class DogsConfig(AppConfig):
    name = "portal.dogs"
    default_auto_field = "django.db.models.BigAutoField"
