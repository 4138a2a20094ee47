"""An operator's documents: read from YAML, named by digest, signed, published."""
