"""Writes on model versions, features, queries and rankings."""

from .clicks import count_click
from .favourites import claim_favourites, drop_dog, keep_dog
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
    store_query_face,
    store_query_features,
    store_query_picture,
)
from .rankings import Found, expire_rankings, rank, store_matches
from .saved_searches import (
    CONSENT,
    SavedSearchRefused,
    add_alerts,
    confirm_search,
    delete_search,
    due_searches,
    end_outdated,
    expire_saved_searches,
    new_dogs,
    save_search,
    search_of,
    send_alerts,
)
from .versions import (
    VersionConflict,
    activate_version,
    cancel_reindex,
    register_specs,
    request_reindex,
)

__all__ = [
    "CONSENT",
    "CURRENT",
    "Found",
    "SavedSearchRefused",
    "VersionConflict",
    "activate_version",
    "add_alerts",
    "cancel_reindex",
    "claim_favourites",
    "confirm_search",
    "count_click",
    "delete_query",
    "delete_search",
    "drop_dog",
    "due_searches",
    "end_outdated",
    "expire_queries",
    "expire_rankings",
    "expire_saved_searches",
    "fail_photo",
    "fail_query",
    "keep_dog",
    "new_dogs",
    "rank",
    "refuse_photo",
    "register_specs",
    "request_reindex",
    "save_search",
    "search_of",
    "send_alerts",
    "start_query",
    "store_features",
    "store_matches",
    "store_pictures",
    "store_query_face",
    "store_query_features",
    "store_query_picture",
    "store_rejection",
]
