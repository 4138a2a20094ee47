"""Releases as bundles of artifacts: the registry's catalogue, what fits together, and what fits whom."""
