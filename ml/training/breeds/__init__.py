"""Training of the breed classifier on the features of an embedder."""
