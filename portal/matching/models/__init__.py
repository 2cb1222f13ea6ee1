"""Rows of matching; each module tells of its own."""

from .described import (
    DuplicateHint,
    Embedding,
    Keypoints,
    ModelVersion,
    Posture,
    Rejection,
    View,
)
from .kept import Alert, Favourite, Retention, SavedSearch
from .learnt import Feedback, FusionWeights
from .searches import Click, EndedQuery, Match, MatchQuerySet, NotAlike, Query, Ranking

__all__ = [
    "Alert",
    "Click",
    "DuplicateHint",
    "Embedding",
    "EndedQuery",
    "Favourite",
    "Feedback",
    "FusionWeights",
    "Keypoints",
    "Match",
    "MatchQuerySet",
    "ModelVersion",
    "NotAlike",
    "Posture",
    "Query",
    "Ranking",
    "Rejection",
    "Retention",
    "SavedSearch",
    "View",
]
