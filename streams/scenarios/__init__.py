"""Scenarios: declared clinics in which something changes, and what the platform must say about it."""
