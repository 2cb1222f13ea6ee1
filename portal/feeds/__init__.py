"""Listings taken in from where shelters already publish them."""
