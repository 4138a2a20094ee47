"""How a release spreads: one strategy a module, each a plan of waves for the one machine in `guard.runs`."""
