"""Rows of matching; each module tells of its own."""

from .described import DuplicateHint, Embedding, Keypoints, ModelVersion, Rejection
from .kept import Alert, Favourite, Retention, SavedSearch
from .searches import Click, EndedQuery, Match, MatchQuerySet, Query, Ranking

__all__ = [
    "Alert",
    "Click",
    "DuplicateHint",
    "Embedding",
    "EndedQuery",
    "Favourite",
    "Keypoints",
    "Match",
    "MatchQuerySet",
    "ModelVersion",
    "Query",
    "Ranking",
    "Rejection",
    "Retention",
    "SavedSearch",
]
