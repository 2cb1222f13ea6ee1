"""The torch modules themselves: bytes of pixels in, raw outputs out. Importing them loads torch."""
