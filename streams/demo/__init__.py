"""The demo: a whole installation on one machine, watched from start to end."""
