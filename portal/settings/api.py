"""The REST API: defaults of Django REST framework, its schema, and who may call from a browser."""

from typing import Any

from .environment import env
from .queue import REDIS_URL

__all__ = [
    "API_EVENTS_AT_ONCE",
    "API_EVENTS_SECONDS",
    "CACHES",
    "CORS_ALLOWED_ORIGINS",
    "CORS_ALLOW_HEADERS",
    "CORS_EXPOSE_HEADERS",
    "CORS_URLS_REGEX",
    "REST_FRAMEWORK",
    "SIMILAR_DOG_WAIT_SECONDS",
    "SPECTACULAR_SETTINGS",
]

# Counts of requests are shared by all web processes where there is a Redis.
CACHES: dict[str, Any] = {
    "default": (
        {
            "BACKEND": "portal.cache.ForgivingCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        }
        if REDIS_URL.startswith(("redis://", "rediss://"))
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    ),
    # Parts of pages that are the same for everybody, in each web process: `{% cache %}`.
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "template_fragments",
    },
}

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.Schema",
    "DEFAULT_THROTTLE_RATES": {
        "visitors": env.str("API_RATE_VISITORS", default="120/min"),
        "users": env.str("API_RATE_USERS", default="600/min"),
        "searches": env.str("API_RATE_SEARCHES", default="20/min"),
        # Many adopters may sit behind one address: a shelter's, a provider's.
        "uploads": env.str("RATE_UPLOADS", default="120/min"),
        "changes": env.str("RATE_CHANGES", default="120/min"),
        "letters": env.str("RATE_LETTERS", default="30/hour"),
        "enquiries": env.str("API_RATE_ENQUIRIES", default="10/hour"),
    },
    # How many proxies stand before Pawkin: of X-Forwarded-For only what they wrote is believed.
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
    "EXCEPTION_HANDLER": "portal.api.problems.answer",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
    "NON_FIELD_ERRORS_KEY": "non_field_errors",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Pawkin",
    "DESCRIPTION": (
        "Dogs that can be adopted, and those among them most like a photo. Errors are problem "
        "details (RFC 9457) with a stable `code`. How to call it: docs/api.md."
    ),
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "DogStatus": "portal.dogs.models.Dog.Status",
        "PhotoState": "portal.dogs.models.Photo.State",
        "JobState": "portal.jobs.models.Job.State",
        "JobKind": "portal.jobs.models.Job.Kind",
        "VersionState": "portal.matching.models.ModelVersion.State",
        "EnquiryStates": "portal.enquiries.models.Enquiry.State",
        "FeedKind": "portal.feeds.models.Feed.Kind",
        "RunState": "portal.feeds.models.FeedRun.State",
        "SuggestionState": "portal.feeds.models.TemperamentSuggestion.State",
        "AnswerState": ["open", "done", "failed"],
        "Colour": "portal.dogs.models.Colour",
        "Sex": "portal.dogs.models.Dog.Sex",
        "KnownSex": ["male", "female"],
        "YesNo": "portal.matching.filters.YesNo",
        "Yes": ["yes"],
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
}

CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(api/|predict$)"
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "x-search-secret",
]
CORS_EXPOSE_HEADERS = ["ETag", "Location", "Retry-After", "Deprecation", "Sunset"]

# Streams of events end after so long; browsers connect again by themselves. Each holds a thread.
API_EVENTS_SECONDS: int = env.int("API_EVENTS_SECONDS", default=30)
API_EVENTS_AT_ONCE: int = env.int("API_EVENTS_AT_ONCE", default=4)

# How long POST /api/v1/similar-dog waits for the workers before it gives up.
SIMILAR_DOG_WAIT_SECONDS: float = env.float("SIMILAR_DOG_WAIT_SECONDS", default=10.0)
