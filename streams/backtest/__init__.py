"""Backtests: the whole topology, or one stage, over files."""
