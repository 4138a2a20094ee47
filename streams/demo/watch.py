"""Follows the topics of a run and feeds the board."""

import threading

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.headers import CE_TYPE, INDEX, MARK, SOURCE_PARTITION, STAGE, find_header
from homeostat.schemas.log import Headers
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import ACKS, ALARMS, COMMANDS, DECISIONS, DRIFT_EVENTS, EVIDENCE
from homeostat.streams.clock import SystemClock
from homeostat.streams.demo.board import Board
from homeostat.streams.kafka_config import client_config
from homeostat.streams.kafka_message import read_headers
from homeostat.streams.settings import KafkaSettings

_TOPICS = (EVIDENCE, DECISIONS, COMMANDS, ACKS, ALARMS, DRIFT_EVENTS)


class Watch:
    """A thread that reads what the stages write, drops repeats, and hands each message to the board under `lock`."""

    def __init__(self, kafka: KafkaSettings, board: Board, partitions: int) -> None:
        self._config = {
            **client_config(kafka),
            "group.id": f"{kafka.group_prefix}-demo-watch",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 2,
            "fetch.wait.max.ms": 20,
        }
        self.lock = threading.Lock()
        self._board, self._partitions = board, partitions
        self._seen: set[tuple[bytes, ...]] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-watch", daemon=True)

    def start(self) -> None:
        """Begin to read, from the beginning of every topic."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        consumer = Consumer(self._config)
        consumer.assign([TopicPartition(topic, part, 0) for topic in _TOPICS for part in range(self._partitions)])
        try:
            while not self._stopping.is_set():
                for message in consumer.consume(500, timeout=0.1):
                    if message.error() is None and message.value() is not None:
                        self._take(message)
        finally:
            consumer.close()

    def _take(self, message: KafkaMessage) -> None:
        headers = read_headers(message)
        if find_header(headers, CONTROL_HEADER) is not None or self._is_repeat(headers):
            return
        ce_type = (find_header(headers, CE_TYPE) or b"").decode()
        value, now_ms = message.value() or b"", SystemClock().wall_ms()
        with self.lock:
            self._board.records += 1
            self._feed(ce_type, value, now_ms)

    def _feed(self, ce_type: str, value: bytes, now_ms: int) -> None:
        board = self._board
        if ce_type == Evidence.ce_type:
            board.take_evidence(parse_message(Evidence, value)[0])
        elif ce_type == Decision.ce_type:
            board.take_decision(parse_message(Decision, read_envelope(value)[1])[0], now_ms)
        elif ce_type == DesiredState.ce_type:
            board.take_state(parse_message(DesiredState, read_envelope(value)[1])[0])
        elif ce_type == Acknowledgement.ce_type:
            board.take_ack(parse_message(Acknowledgement, read_envelope(value)[1])[0], now_ms)
        elif ce_type == Alarm.ce_type:
            board.take_alarm(parse_message(Alarm, value)[0], now_ms)
        elif ce_type == DriftEvent.ce_type:
            board.take_event(parse_message(DriftEvent, value)[0], now_ms)

    def _is_repeat(self, headers: Headers) -> bool:
        found = [find_header(headers, name) for name in (STAGE, SOURCE_PARTITION, MARK, INDEX)]
        coordinates = tuple(part for part in found if part is not None)
        if len(coordinates) < len(found):
            return False
        if coordinates in self._seen:
            return True
        self._seen.add(coordinates)
        return False
