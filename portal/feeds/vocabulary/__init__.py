"""Words of sources in Pawkin's own: breeds, colours, temperament."""
