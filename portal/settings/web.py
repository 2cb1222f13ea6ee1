"""Applications, requests, templates, static files, and where photos are asked for."""

import re

from django.core.exceptions import ImproperlyConfigured

from .environment import BASE_DIR, DATA_DIR, env

__all__ = [
    "ASGI_APPLICATION",
    "DATA_UPLOAD_MAX_MEMORY_SIZE",
    "DATA_UPLOAD_MAX_NUMBER_FIELDS",
    "DATA_UPLOAD_MAX_NUMBER_FILES",
    "FILE_UPLOAD_HANDLERS",
    "FILE_UPLOAD_MAX_MEMORY_SIZE",
    "FORM_RENDERER",
    "INSTALLED_APPS",
    "MEDIA_ORIGIN",
    "MIDDLEWARE",
    "ROOT_URLCONF",
    "STATICFILES_DIRS",
    "STATIC_ROOT",
    "STATIC_URL",
    "TEMPLATES",
    "WSGI_APPLICATION",
]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "portal.rows.apps.RowsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.sitemaps",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "portal.accounts",
    "portal.shelters",
    "portal.dogs",
    "portal.jobs",
    "portal.matching",
    "portal.clips",
    "portal.annotations",
    "portal.enquiries",
    "portal.feeds",
    "portal.publishing",
    "portal.insights",
    "portal.api",
    "workers",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # After static files, which have no story to tell.
    "portal.tracing.trace",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.camera.closed",
    "portal.media.only_photos",
    "portal.addresses.refuse_odd",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
ASGI_APPLICATION = "portal.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.matching.context.kept",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

STATIC_URL = "/static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]

# Where photos are asked for, for instance https://photos.pawkin.example; empty: the site itself.
MEDIA_ORIGIN: str = env.str("MEDIA_ORIGIN", default="").rstrip("/")
if MEDIA_ORIGIN and not re.fullmatch(r"https?://[^/?#@]+", MEDIA_ORIGIN):
    raise ImproperlyConfigured(
        f"MEDIA_ORIGIN is {MEDIA_ORIGIN}: give a scheme and a host, as in https://photos.example."
    )

# Files larger than this go to a temporary file; their own limit is UPLOAD_MAX_BYTES.
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "portal.arrivals.NamelessUpload",
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 100
