"""The Django project: everything that people and other sites see."""

from .celery import app as celery_app

__all__ = ["celery_app"]
