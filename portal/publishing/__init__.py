"""Listings given out: embedded lists, feeds, exports, webhooks."""
