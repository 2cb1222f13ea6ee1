"""Commands that try a model on single photos."""
