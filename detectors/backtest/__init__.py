"""The oracle: the stages over logs in memory, and one stage over a dump of its own input."""

from homeostat.detectors.backtest.log_store import LogStore
from homeostat.detectors.backtest.replay import Replayed, replay_batches, replay_stage
from homeostat.detectors.backtest.topology import Topology

__all__ = ["LogStore", "Replayed", "Topology", "replay_batches", "replay_stage"]
