"""Writes on model versions, features, queries and rankings."""

from .features import (
    CURRENT,
    fail_photo,
    refuse_photo,
    store_features,
    store_pictures,
    store_rejection,
)
from .queries import (
    delete_query,
    expire_queries,
    fail_query,
    start_query,
    store_query_features,
    store_query_picture,
)
from .rankings import Found, expire_rankings, rank, store_matches
from .versions import (
    VersionConflict,
    activate_version,
    cancel_reindex,
    register_specs,
    request_reindex,
)

__all__ = [
    "CURRENT",
    "Found",
    "VersionConflict",
    "activate_version",
    "cancel_reindex",
    "delete_query",
    "expire_queries",
    "expire_rankings",
    "fail_photo",
    "fail_query",
    "rank",
    "refuse_photo",
    "register_specs",
    "request_reindex",
    "start_query",
    "store_features",
    "store_matches",
    "store_pictures",
    "store_query_features",
    "store_query_picture",
    "store_rejection",
]
