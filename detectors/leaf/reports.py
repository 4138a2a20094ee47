"""Reports: session starts that a gateway signs, and what publishers say they sent and dropped."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import ROW_NOTHING, ROW_START
from homeostat.detectors.leaf.batch import NO_ID, Batch
from homeostat.detectors.leaf.ids import number_id
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.tenants import Gate
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.trace import Arm

_STATE_VERSION = 1
_PREFIX = b"report/"
MAX_REPORTERS: Final = 65_536


class ReportReader:
    """Reads reports; the last sequence of each reporter makes a repeat harmless and a hole visible."""

    def __init__(self, trust: TrustStore, counts: Counter[str]) -> None:
        self._trust, self._counts = trust, counts
        self._last: dict[str, tuple[int, int]] = {}
        self._changed: set[str] = set()

    def use(self, router: Router, pairs: PairStore) -> None:
        """Find cohorts and pairings here."""
        self._router, self._pairs = router, pairs

    def read_exposure(self, value: bytes, gate: Gate, offset: int, now_ms: int, batch: Batch) -> None:
        """Add a row for each session start. Raises `SignatureRefused` or `PoisonRecord`."""
        verified = self._trust.verify_with_key(value, ExposureReport.ce_type, (SignerRole.GATEWAY,))
        report, _ = parse_message(ExposureReport, verified.payload)
        if report.tenant != gate.tenant:
            raise PoisonRecord(Refusal.WRONG_TENANT)
        if verified.key.name != report.gateway:
            raise SignatureRefused(Refusal.KEY_WRONG_ROLE, "exposure report of another gateway")
        batch.add_time(ROW_NOTHING, now_ms, offset)
        name = f"gateway/{report.gateway}/{report.tenant}/{report.workflow}"
        if not self._take(name, report.sequence, report.total_starts):
            return
        for start in report.starts:
            key = LeafKey(report.tenant, start.specialty, report.workflow, start.arm)
            slot = self._router.leaf_slot(key, now_ms)
            if slot < 0:
                self._counts["cohort_limit"] += 1
                continue
            pair = -1 if start.arm is Arm.BASELINE else self._pairs.find(*key[:3], start.rollout)
            if pair >= 0 and not self._pairs.counts(pair, start.step):
                self._counts["starts_of_another_share"] += 1
                pair = -1
            batch.add_time(ROW_START, now_ms, offset)
            part = self._router.part_at(start.started_at_ms)
            batch.fill(batch.size - 1, slot, 0, pair, -1, 0, NO_ID, number_id(start.session), part)

    def read_publisher(self, value: bytes, gate: Gate) -> None:
        """Keep a publisher's account. Raises `PoisonRecord`."""
        report, _ = parse_message(PublisherReport, value)
        if report.tenant != gate.tenant:
            raise PoisonRecord(Refusal.WRONG_TENANT)
        name = f"publisher/{report.tenant}/{report.publisher}"
        before = self._last.get(name, (0, 0))[1]
        dropped = sum(report.dropped.values())
        if self._take(name, report.sequence, dropped):
            self._counts["publisher_dropped"] += max(0, dropped - before)

    def state_records(self) -> dict[bytes, bytes]:
        """One record a reporter, keys beginning with `report/`."""
        return {_PREFIX + name.encode(): self._encode(name) for name in self._last}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records of the reporters heard since the last call."""
        changed, self._changed = sorted(self._changed), set()
        for name in changed:
            yield _PREFIX + name.encode(), self._encode(name)

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `report/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_PREFIX)):
            held = msgspec.json.decode(unframe(records[key], _STATE_VERSION), type=tuple[int, int])
            self._last[key.removeprefix(_PREFIX).decode()] = held

    def _take(self, name: str, sequence: int, total: int) -> bool:
        """Note a report; False for a repeat, and for a new reporter beyond the bound."""
        last = self._last.get(name)
        if last is not None and sequence <= last[0]:
            self._counts["report_repeat"] += 1
            return False
        if last is None and len(self._last) >= MAX_REPORTERS:
            self._counts["reporter_limit"] += 1
            return False
        if last is not None and sequence > last[0] + 1:
            self._counts["report_hole"] += sequence - last[0] - 1
        self._last[name] = (sequence, total)
        self._changed.add(name)
        return True

    def _encode(self, name: str) -> bytes:
        return frame(msgspec.json.encode(self._last[name]), _STATE_VERSION)
