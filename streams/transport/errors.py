"""What can go wrong between a log and its stage.

RetryableError (schemas/errors.py)
 ├── BatchLost           a fetched batch never came: the partition is fetched again from where its state stands
 ├── OutputsRenewed      the producer of outputs was replaced: what was not yet delivered is made again
 ├── NotRestorable       the state partition could not be read to its end in time
 └── StageFailed         a stage's apply raised: state dropped, restored, tried again
HomeostatError
 ├── OffsetPoisoned      the same offset failed three times: the worker stops, because going on would lose it
 └── ClientEnded         the Kafka client will not go on by itself: the worker stops, to be started anew
StateCorrupt
 └── StateAheadOfLog     the state expects an offset that its log does not have: another log, or a cut one
"""

from homeostat.schemas.errors import HomeostatError, RetryableError, StateCorrupt


class BatchLost(RetryableError):
    """A batch begins above what the partition expects, although the log has the records between."""


class OutputsRenewed(RetryableError):
    """The shared producer of append-only outputs was replaced while this partition had outputs under way."""


class NotRestorable(RetryableError):
    """The state partition was not read to its end within the limit."""


class StageFailed(RetryableError):
    """A stage raised in `apply`; the cause is attached."""


class OffsetPoisoned(HomeostatError):
    """A record at which this build's stage raises each time."""


class ClientEnded(HomeostatError):
    """A task of the Kafka client has ended, or its group's coordinator gave an answer it knows no way on from."""


class SignerMissing(HomeostatError):
    """A stage makes signed outputs in a process without the key of their role."""


class StateAheadOfLog(StateCorrupt):
    """A restored state whose next offset lies beyond the end of its input partition."""
