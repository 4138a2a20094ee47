"""A worker process of the toy stage: `python -m tests.integration.toy_worker '{"bootstrap": ...}'`.

Exit code: 0 after TERM, 3 for what must be put right around it, 1 for what ended it while it ran.
"""

import json
import sys
from functools import partial

from homeostat.schemas.errors import BrokerUnavailable, HomeostatError, TopicsUnfit
from homeostat.streams import failpoints
from homeostat.streams.logging_setup import configure_logging
from homeostat.streams.settings import HttpSettings, KafkaSettings, Settings, WorkerSettings
from homeostat.streams.transport import StageSpec, Wiring, run_worker
from tests.integration.toy_stage import IdleStage, ToyStage

STAGES = {"toy": ToyStage, "idle": IdleStage}


def main(options: dict[str, str]) -> int:
    configure_logging("json", options.get("log_level", "info"))
    failpoints.arm(options.get("failpoint", ""))
    session_timeout_s = float(options.get("session_timeout_s", "20"))
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=options["bootstrap"],
            group_prefix=options["prefix"],
            static_membership_id=options.get("static_id"),
            session_timeout_s=session_timeout_s,
        ),
        worker=WorkerSettings(
            checkpoint_interval_s=float(options.get("interval_s", "0.2")),
            batch_records=int(options.get("batch_records", "500")),
            transactions=options.get("transactions", "yes") == "yes",
        ),
        http=HttpSettings(metrics_port=0),
    )
    appended, latest = options["appended"], options["latest"]
    factory = partial(STAGES[options.get("stage", "toy")], appended=appended, latest=latest)
    spec = StageSpec("toy", options["input"], options["state"], factory)
    try:
        run_worker(settings, "trial", [spec], Wiring(is_compacted=lambda topic: topic == latest), on_listening=_say)
    except (TopicsUnfit, BrokerUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    except HomeostatError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


def _say(address: str) -> None:
    sys.stdout.write(address + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
