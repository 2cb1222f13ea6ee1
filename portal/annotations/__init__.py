"""Keypoints that people mark in photos of dogs, from which the models learn."""
