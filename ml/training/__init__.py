"""Training of the starter models; nothing here is imported by the workers."""
