"""Training of the embedder: contrast, rankings and attributes, without forgetting the start."""
