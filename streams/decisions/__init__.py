"""Decisions after the fact: what one rested on, whether it comes out the same again, what followed, for whom."""
