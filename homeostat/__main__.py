"""`python -m homeostat`: the same as the console script."""

from homeostat.streams.cli.main import run

run()
