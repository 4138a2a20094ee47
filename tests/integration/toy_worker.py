"""A worker process of the toy stage, forked from a process that has everything imported already.

Exit code: 0 after TERM, 3 for what must be put right around it, 1 for what ended it while it ran.
"""

import os
import sys
from functools import partial
from pathlib import Path

from homeostat.schemas.errors import BrokerUnavailable, HomeostatError, TopicsUnfit
from homeostat.streams.logging_setup import configure_logging
from homeostat.streams.settings import HttpSettings, KafkaSettings, Settings, WorkerSettings
from homeostat.streams.transport import StageSpec, Wiring, clients, run_worker
from tests.integration.toy_stage import IdleStage, ToyStage

STAGES = {"toy": ToyStage, "idle": IdleStage}


def run_toy_worker(options: dict[str, str], folder: Path) -> None:
    """Run the worker; its standard error and the address of its health server go to files of `folder`."""
    errors = os.open(folder / "errors", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(errors, 2)
    sys.exit(_run(options, folder / "address"))


def _write(address: Path, text: str) -> None:
    address.write_text(text)


def _run(options: dict[str, str], address: Path) -> int:
    configure_logging("json", options.get("log_level", "info"))
    clients.BATCH_BYTES = int(options.get("producer_batch_bytes", "150"))  # so that a checkpoint takes several sends
    session_timeout_s = float(options.get("session_timeout_s", "20"))
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=options["bootstrap"],
            group_prefix=options["prefix"],
            static_membership_id=options.get("static_id") or None,
            session_timeout_s=session_timeout_s,
        ),
        worker=WorkerSettings(
            checkpoint_interval_s=float(options.get("interval_s", "0.2")),
            batch_records=int(options.get("batch_records", "500")),
            transactions=options.get("transactions", "yes") == "yes",
        ),
        http=HttpSettings(metrics_port=0),
        failpoint=options.get("failpoint", ""),
    )
    appended, latest = options["appended"], options["latest"]
    factory = partial(STAGES[options.get("stage", "toy")], appended=appended, latest=latest)
    specs = [StageSpec("toy", options["input"], options["state"], factory)]
    if "second_state" in options:
        specs.append(StageSpec("second", appended, options["second_state"], IdleStage))
    try:
        run_worker(
            settings,
            "trial",
            specs,
            Wiring(is_compacted=lambda topic: topic == latest),
            on_listening=lambda text: _write(address, text),
        )
    except (TopicsUnfit, BrokerUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    except HomeostatError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0
