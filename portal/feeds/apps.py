from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "portal.feeds"
    default_auto_field = "django.db.models.BigAutoField"
