"""Policies side by side: what each would have done with a log, and how often each is wrong about nothing."""
