"""The role `record`: the archive, the audit, or both, as the settings say; each in a thread of its own."""

import signal
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from homeostat.schemas.roles import SignerRole
from homeostat.streams.archive.position import check_log
from homeostat.streams.archive.process import RecordProcess
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.archive.topic_log import describe_topic
from homeostat.streams.audit.process import AuditProcess
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.health import Heartbeat, Probe
from homeostat.streams.keys import load_signers, load_trust, private_file
from homeostat.streams.settings import Settings

_WAIT_S = 0.2


class _Runs(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


class Recorder(NamedTuple):
    """One part of the role: what runs, its life, and whether it does its work."""

    name: str
    process: _Runs
    heartbeat: Heartbeat
    ready: Callable[[], Probe]


def has_audit_key(settings: Settings) -> bool:
    """Whether the settings name a key to sign the audit with: a file of its own, or `audit.pem` in a folder."""
    path = settings.keys.private_key_path
    return path is not None and (not path.is_dir() or (path / private_file(SignerRole.AUDIT)).is_file())


def build_recorders(settings: Settings) -> list[Recorder]:
    """What the role does with these settings. Raises `SettingsInvalid` where that is nothing."""
    found = []
    if settings.archive.location is not None:
        found.append(_build_archive(settings, settings.archive.location))
    if has_audit_key(settings):
        found.append(_build_audit(settings))
    if not found:
        raise SettingsInvalid(
            "role record archives and audits: set archive.location, a folder or a file://, s3:// or gs:// URI, or "
            "keys.private_key_path to the audit's key (`homeostat keys add audit` makes one), or both"
        )
    return found


def run_recorders(recorders: Sequence[Recorder]) -> None:
    """Run all until TERM or INT; one that fails ends the others. Raises what it raised."""
    failures: list[BaseException] = []
    ended = threading.Event()

    def run(recorder: Recorder) -> None:
        try:
            recorder.process.run()
        except Exception as error:  # noqa: BLE001 the boundary of a thread: it is raised again below
            failures.append(error)
        finally:
            ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    threads = [threading.Thread(target=run, args=(recorder,), name=recorder.name) for recorder in recorders]
    for thread in threads:
        thread.start()
    while not ended.wait(_WAIT_S):
        continue
    for recorder in recorders:
        recorder.process.stop()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def probe_all(probes: Sequence[Callable[[], Probe]]) -> Probe:
    """All is well where each part is."""
    found = [probe() for probe in probes]
    return Probe(all(each.ok for each in found), {name: value for each in found for name, value in each.detail.items()})


def _build_archive(settings: Settings, location: str) -> Recorder:
    store = ArchiveStore(location)
    heads = {topic: describe_topic(settings.kafka, topic) for topic in settings.archive.topics}
    for head in heads.values():
        check_log(store, head)
    heartbeat = Heartbeat()
    process = RecordProcess(settings.kafka, store, heads, settings.archive, beat=heartbeat.beat)
    return Recorder("archive", process, heartbeat, lambda: Probe(process.is_writing, {"archive": store.location}))


def _build_audit(settings: Settings) -> Recorder:
    assert settings.keys.private_key_path is not None, "has_audit_key looks at it"
    signer = load_signers(settings.keys.private_key_path, [SignerRole.AUDIT])[SignerRole.AUDIT]
    trust = load_trust(settings.keys.trust_folder)
    if signer.key_id not in trust.keys:
        raise SettingsInvalid(
            f"{settings.keys.private_key_path} is no audit key that {settings.keys.trust_folder} names"
        )
    heartbeat = Heartbeat()
    process = AuditProcess(settings.kafka, signer, trust, beat=heartbeat.beat)
    return Recorder("audit", process, heartbeat, lambda: Probe(process.is_well, {"audit": process.state}))
