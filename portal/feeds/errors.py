"""Why a feed could not be read."""

from ml.errors import PawkinError


class FeedError(PawkinError):
    """Codes: feed_unreachable, feed_key_refused, feed_key_unreadable, feed_limit_reached,
    feed_answer_unreadable, feed_answer_too_large, feed_address_refused, feed_photo_refused,
    feed_settings_missing, feed_kind_unknown, feed_suspicious."""
