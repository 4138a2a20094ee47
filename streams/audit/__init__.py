"""The audit: an append-only log of what was decided, approved, commanded, acknowledged, under signed Merkle roots."""
