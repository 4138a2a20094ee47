"""Live-fire drills: when one is due, what it states, and what proves it. No clock, no Kafka."""
