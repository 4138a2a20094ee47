"""Rollouts for people: what a plan means, where a rollout stands, what came of it, and what people say of it."""
