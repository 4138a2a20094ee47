"""(a) A stock Faust agent, `take` of 500, with pydantic and River. No tables, so nothing is recovered."""

import json
import os
import tempfile
from typing import Any

import faust

from bench.throughput.account import Meter
from bench.throughput.job import Job
from bench.throughput.peers.river_observer import RiverObserver
from homeostat.schemas.topics import TRACES

_EVENTS = 500
_WITHIN_S = 0.1


def run(job: Job) -> dict[str, Any]:
    """Run the worker; it ends the process itself, as Faust's own shutdown takes seconds that are nobody's figure."""
    observer, meter = RiverObserver(job.master_key), Meter()
    app = faust.App(
        job.group,
        broker=f"kafka://{job.address}",
        datadir=tempfile.mkdtemp(prefix="bench-faust-"),
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    topic = app.topic(TRACES, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def observe(stream: Any) -> None:
        async for events in stream.take_events(_EVENTS, within=_WITHIN_S):
            meter.note_first()
            for event in events:
                observer.observe(event.key, event.value, dict(event.message.headers))
            if observer.count >= job.traces:
                meter.end()
                _leave(job.conclude(observer.count, meter, observer.book))

    app.agent(topic)(observe)
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()
    raise RuntimeError("the Faust worker ended before the last trace")


def _leave(result: dict[str, Any]) -> None:
    print(json.dumps(result), flush=True)
    os._exit(0)
