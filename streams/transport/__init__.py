"""Between Kafka and the stages: batches, fenced ownership, transactional checkpoints, healing.

A role is run by `run_worker(settings, role, specs, wiring)`; all that is overridden of Faust is in this package.
"""

from homeostat.streams.transport.errors import OffsetPoisoned
from homeostat.streams.transport.spec import Finisher, StageFactory, StageSpec, Wiring
from homeostat.streams.transport.worker import run_worker

__all__ = ["Finisher", "OffsetPoisoned", "StageFactory", "StageSpec", "Wiring", "run_worker"]
