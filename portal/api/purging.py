"""What has had its time, deleted in one go; here, because this app knows all others."""

from __future__ import annotations

from portal.api.services import forget_calls
from portal.dogs.pieces import expire_uploads
from portal.enquiries.services import forget_unconfirmed
from portal.feeds.archives import expire_archives
from portal.insights.services import forget_predictions
from portal.matching import services


def purge_expired() -> dict[str, int]:
    """Counts of what was deleted, by name."""
    services.expire_rankings()
    return {
        "searches": services.expire_queries(),
        "saved_searches": services.expire_saved_searches(),
        "photos_in_pieces": expire_uploads(),
        "uploaded_tables": expire_archives(),
        "unconfirmed_enquiries": forget_unconfirmed(),
        "predictions": forget_predictions(),
        "answers_to_calls": forget_calls(),
    }
