"""Measures models on labelled photos from anywhere."""
