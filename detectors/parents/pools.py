"""Pools of references across tenants: the newest of every source, and when they are worth saying."""

from collections.abc import Iterable, Mapping
from typing import Final

from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.cohort import Layer
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.pool import LEAST_TENANTS, PooledBaseline, PoolEdition, PooledSignal, ReferencePool, name_pool
from homeostat.schemas.reasons import Refusal

MAX_POOLS: Final = 10_000
"""Pools of sources that a partition keeps; a further one is counted and not kept."""
GROWTH: Final = 0.1
"""A share of more tenants that is worth saying."""
MOVE: Final = 0.1
"""A share of its tolerance by which a mean must move to be worth saying."""
_POOL, _SAID = b"pool/", b"said/"
_STATE_VERSION = 1


class Pools:
    """The newest pool of each (workflow, part of the week, source), and the newest baseline said of each pool."""

    def __init__(self) -> None:
        self._held: dict[str, dict[int, ReferencePool]] = {}
        self._said: dict[str, PooledBaseline] = {}
        self._size = 0
        self._changed: set[bytes] = set()

    def add(self, pool: ReferencePool) -> str:
        """Keep a pool if it is newer than the one held; says what became of it: added, repeat, limit.

        Raises `PoisonRecord` for a pool of anything but a workflow.
        """
        if pool.cohort.layer is not Layer.WORKFLOW:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"a pool of the layer {pool.cohort.layer}")
        subject = name_pool(pool.cohort, pool.part)
        sources = self._held.get(subject, {})
        held = sources.get(pool.source_partition)
        if held is not None and held.edition >= pool.edition:
            return "repeat"
        if held is None and self._size >= MAX_POOLS:
            return "limit"
        self._size += held is None
        self._held.setdefault(subject, {})[pool.source_partition] = pool
        self._changed.add(_pool_key(subject, pool.source_partition))
        return "added"

    def tell(
        self, pool: ReferencePool, tolerances: Mapping[str, float], partition: int, mark: int, now_ms: int
    ) -> PooledBaseline | None:
        """Give the baseline of a pool that has just been added to, if it differs enough from the last one.

        `tolerances` are those of the columns that count. Versions rise with log time, also where a state was lost.
        """
        subject = name_pool(pool.cohort, pool.part)
        sources = [held for _, held in sorted(self._held[subject].items())]
        signals = add_up_pools(sources, tolerances)
        said = self._said.get(subject)
        if not is_news(signals, {} if said is None else said.signals, tolerances):
            return None
        told = PooledBaseline(
            cohort=pool.cohort,
            part=pool.part,
            pool_version=max(now_ms, 0 if said is None else said.pool_version) + 1,
            source_partition=partition,
            mark=mark,
            log_time_ms=now_ms,
            signals=signals,
            editions=tuple(PoolEdition(source_partition=p.source_partition, edition=p.edition) for p in sources),
        )
        self._said[subject] = told
        self._changed.add(_SAID + subject.encode())
        return told

    def state_records(self) -> dict[bytes, bytes]:
        """One record for each pool held, and each baseline said."""
        held = [_pool_key(subject, source) for subject, sources in self._held.items() for source in sources]
        return {key: self._encode(key) for key in [*held, *(_SAID + subject.encode() for subject in self._said)]}

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call."""
        changed, self._changed = self._changed, set()
        return [(key, self._encode(key)) for key in changed]

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `pool/` and `said/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_POOL)):
            self.add(ReferencePool.model_validate_json(unframe(records[key], _STATE_VERSION)))
        for key in sorted(key for key in records if key.startswith(_SAID)):
            said = PooledBaseline.model_validate_json(unframe(records[key], _STATE_VERSION))
            self._said[name_pool(said.cohort, said.part)] = said
        self._changed = set()

    def _encode(self, key: bytes) -> bytes:
        message: Message
        if key.startswith(_SAID):
            message = self._said[key.removeprefix(_SAID).decode()]
        else:
            subject, _, source = key.removeprefix(_POOL).decode().rpartition("/")
            message = self._held[subject][int(source)]
        return frame(to_json(message), _STATE_VERSION)


def add_up_pools(pools: Iterable[ReferencePool], columns: Iterable[str]) -> dict[str, PooledSignal]:
    """The sums of the columns over the sources, where there are enough tenants.

    Of a column that means different things to different sources, what it means to the newest counts.
    """
    held = sorted(pools, key=lambda pool: (pool.log_time_ms, pool.source_partition))
    added = {}
    for name in sorted(columns):
        parts = [pool.signals[name] for pool in held if name in pool.signals]
        parts = [part for part in parts if part.meaning == parts[-1].meaning]
        tenants = sum(part.tenants for part in parts)
        if tenants >= LEAST_TENANTS:
            added[name] = PooledSignal(
                tenants=tenants,
                total=sum(part.total for part in parts),
                squares=sum(part.squares for part in parts),
                meaning=parts[-1].meaning,
            )
    return added


def is_news(
    signals: Mapping[str, PooledSignal], said: Mapping[str, PooledSignal], tolerances: Mapping[str, float]
) -> bool:
    """Whether a column came, went, changed its meaning, has a tenth more tenants, or moved a tenth of its tolerance."""
    if signals.keys() != said.keys():
        return True
    for name, now in signals.items():
        before = said[name]
        if now.meaning != before.meaning or now.tenants < before.tenants:
            return True
        if now.tenants >= before.tenants * (1.0 + GROWTH):
            return True
        if abs(_mean(now) - _mean(before)) > MOVE * tolerances[name]:
            return True
    return False


def _mean(signal: PooledSignal) -> float:
    return signal.total / signal.tenants / VALUE_SCALE


def _pool_key(subject: str, source: int) -> bytes:
    return b"%b%b/%d" % (_POOL, subject.encode(), source)
