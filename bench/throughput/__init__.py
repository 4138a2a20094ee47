"""Traces per second per core beside peers: one input on real Kafka, read by every system in turn."""
