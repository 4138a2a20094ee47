"""Running a role in this process, or every role in a process of its own."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import structlog
from confluent_kafka.admin import AdminClient

from homeostat.infra.topics.check import describe_cluster_topics, require_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.errors import HomeostatError, TopicsUnfit
from homeostat.schemas.topics import ROLE_STAGES, TRACES
from homeostat.streams import failpoints
from homeostat.streams.garbage import settle_garbage
from homeostat.streams.kafka_config import client_config
from homeostat.streams.logging_setup import configure_logging
from homeostat.streams.settings import Settings

log = structlog.get_logger(__name__)

ROLES = (*ROLE_STAGES, "control", "record")
_STOP_S = 15.0


class RoleEnded(HomeostatError):
    """One role's process ended, so the others were ended too."""


def run_role(role: str, settings: Settings) -> None:
    """Run one role until TERM or INT. Raises the `HomeostatError` that ended it."""
    configure_logging(settings.log_format, settings.log_level, role=role)
    failpoints.arm(settings.failpoint)
    if role == "control":
        _run_control(settings)
        return
    if role == "record":
        _run_record(settings)
        return
    from homeostat.streams.app import build_stages
    from homeostat.streams.transport import run_worker

    specs, wiring = build_stages(role, settings)
    if role == "observe":
        _compile_kernel()
    settle_garbage()
    check = (lambda: _check_topics(settings)) if settings.worker.transactions else None
    run_worker(settings, role, specs, wiring, check_topics=check)


def _compile_kernel() -> None:
    """Before the worker joins its group: compiling takes half a minute on a new machine, and no heartbeat runs then."""
    from homeostat.detectors.warm_up import compile_kernel

    started_s = time.monotonic()
    compile_kernel()
    log.info("kernel ready", took_s=round(time.monotonic() - started_s, 1))


def run_all(settings: Settings, config_path: Path | None = None) -> None:
    """Start one process a role with this process's own settings, and end them all when one ends or TERM comes.

    `config_path` is the settings file that was asked for, if one was.
    """
    configure_logging(settings.log_format, settings.log_level, role="all")
    asked = threading.Event()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    common = ["--log-level", settings.log_level, *([] if config_path is None else ["--config", str(config_path)])]
    options = ["--bootstrap", settings.kafka.bootstrap_servers, "--metrics-port", "0"]
    command = [sys.executable, "-m", "homeostat", *common, "worker", *options, "--role"]
    children = {role: subprocess.Popen([*command, role]) for role in all_roles(settings)}
    while not asked.wait(0.2) and all(child.poll() is None for child in children.values()):
        continue
    ended = {role: child.poll() for role, child in children.items() if child.poll() is not None}
    _stop_all(list(children.values()))
    if ended and not asked.is_set():
        raise RoleEnded("; ".join(f"role {role} ended with status {status}" for role, status in ended.items()))


def all_roles(settings: Settings) -> list[str]:
    """The roles that `--role all` starts: record only where there is an archive to write, or a key for the audit."""
    from homeostat.streams.record import has_audit_key

    recording = settings.archive.location is not None or has_audit_key(settings)
    return [role for role in ROLES if role != "record" or recording]


def _stop_all(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _run_control(settings: Settings) -> None:
    from homeostat.streams.app import load_role_signers
    from homeostat.streams.control.process import ControlProcess, Drilling, stop_on_signals
    from homeostat.streams.drills.work import ProbeWork, load_tenant_keys
    from homeostat.streams.health import HealthServer, Heartbeat, Probe
    from homeostat.streams.keys import load_trust

    heartbeat = Heartbeat()
    process = ControlProcess(
        settings.kafka,
        load_role_signers("control", settings),
        count_partitions(settings),
        beat=heartbeat.beat,
        drilling=Drilling(
            load_trust(settings.keys.trust_folder), ProbeWork(load_tenant_keys(settings.drill.tenant_keys_folder))
        ),
    )
    stop_on_signals(process)
    http = settings.http
    ready = lambda: Probe(True, {"active": process.active})  # noqa: E731 a probe is a callable, and this is all of it
    with HealthServer(http.metrics_host, http.metrics_port, live=heartbeat.probe, ready=ready) as health:
        log.info("control starts", health=health.address)
        process.run()


def _run_record(settings: Settings) -> None:
    from homeostat.streams.health import HealthServer
    from homeostat.streams.record import build_recorders, probe_all, run_recorders

    recorders = build_recorders(settings)
    http = settings.http
    live = lambda: probe_all([recorder.heartbeat.probe for recorder in recorders])  # noqa: E731 a probe is a callable
    ready = lambda: probe_all([recorder.ready for recorder in recorders])  # noqa: E731 a probe is a callable
    with HealthServer(http.metrics_host, http.metrics_port, live=live, ready=ready) as health:
        log.info("record starts", parts=[recorder.name for recorder in recorders], health=health.address)
        run_recorders(recorders)


def count_partitions(settings: Settings) -> int:
    """The platform's number of partitions, as the broker has it. Raises `TopicsUnfit` where there are no topics."""
    found = describe_cluster_topics(AdminClient(client_config(settings.kafka)))
    if TRACES not in found:
        raise TopicsUnfit(f"{TRACES} is missing: run `homeostat topics create`")
    return len(found[TRACES].partitions)


def _check_topics(settings: Settings) -> None:
    admin = AdminClient(client_config(settings.kafka))
    for warning in require_topics(admin, platform=Platform(count_partitions(settings))):
        log.warning("topic differs from the table", topic=warning.topic, setting=warning.setting, found=warning.found)
