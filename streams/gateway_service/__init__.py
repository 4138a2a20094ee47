"""The reference gateway: `Gateway` behind an HTTP read API."""
