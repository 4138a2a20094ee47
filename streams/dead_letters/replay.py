"""Sends dead letters' original records again: the same key, value and headers, to the topic they came from."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Producer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from homeostat.schemas.dead_letter import Original
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import find_header
from homeostat.schemas.topics import TRACES
from homeostat.streams.dead_letters.reading import StoredLetter
from homeostat.streams.dead_letters.sealing import open_letter
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings

REPLAYED_FROM = "hs-replayed-from"
"""The one header that a replay adds: `partition/offset` of the first letter. The MAC is not over headers."""
_LIMIT_S = 60.0


class ReplayCounts(NamedTuple):
    """What became of the letters: sent again by the reason they were refused for, or left by why they were."""

    replayed: dict[str, int]
    left: dict[str, int]


class Replay:
    """One run of replaying; `finish` waits for the broker."""

    def __init__(self, kafka: KafkaSettings, private: X25519PrivateKey) -> None:
        self._private = private
        self._replayed: Counter[str] = Counter()
        self._left: Counter[str] = Counter()
        self._producer = Producer(
            {
                **client_config(kafka),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "delivery.timeout.ms": int(_LIMIT_S * 1000),
                "message.max.bytes": 2_000_000,
                "log_level": 0,
            }
        )

    def send(self, stored: StoredLetter) -> None:
        """Open a letter and send what is in it. One that cannot be opened, or is not of `traces.v1`, is counted."""
        if stored.letter.topic != TRACES:
            self._left["other_topic"] += 1
            return
        try:
            original = open_letter(stored.letter, self._private)
        except PoisonRecord:
            self._left["withheld" if stored.letter.sealed is None else "not_opened"] += 1
            return
        self._send(original, stored)

    def finish(self) -> ReplayCounts:
        """Wait until everything was delivered or failed, and count."""
        waiting = self._producer.flush(_LIMIT_S)
        if waiting:
            self._left["not_delivered"] += waiting
        return ReplayCounts(dict(self._replayed), dict(self._left))

    def _send(self, original: Original, stored: StoredLetter) -> None:
        headers: list[tuple[str, str | bytes | None]] = [*original.headers]
        if find_header(original.headers, REPLAYED_FROM) is None:
            headers.append((REPLAYED_FROM, stored.place.encode()))

        def note_delivery(error: KafkaError | None, _message: Any) -> None:
            if error is None:
                self._replayed[stored.letter.reason] += 1
            else:
                self._left["not_delivered"] += 1

        while True:
            try:
                self._producer.produce(TRACES, original.value, original.key, headers=headers, on_delivery=note_delivery)
            except BufferError:
                self._producer.poll(1.0)
            else:
                break


def replay_letters(kafka: KafkaSettings, private: X25519PrivateKey, letters: Iterable[StoredLetter]) -> ReplayCounts:
    """Send every letter's original record again. A record that is refused again becomes a new letter."""
    replay = Replay(kafka, private)
    for stored in letters:
        replay.send(stored)
    return replay.finish()
