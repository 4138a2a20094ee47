"""What is decided, stated, renewed and acknowledged, read from the topics as it comes, each message verified."""

from collections import defaultdict
from typing import TypeVar

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.decision import Decision
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.lease import Lease
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, LEASES
from homeostat.streams.kafka_config import client_config
from homeostat.streams.kafka_message import read_headers
from homeostat.streams.settings import KafkaSettings

_POLL_S = 0.05
M = TypeVar("M", bound=Message)


class TopicWatch:
    """By rollout its decisions, by target its desired states, by lease its renewals, all in order; how many pairs."""

    def __init__(self, kafka: KafkaSettings, trust: TrustStore, partitions: int) -> None:
        self._trust = trust
        self._consumer = Consumer(
            {
                **client_config(kafka),
                "group.id": f"{kafka.group_prefix}-watch",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        topics = (DECISIONS, COMMANDS, ACKS, LEASES, EVIDENCE)
        self._consumer.assign([TopicPartition(topic, part, 0) for topic in topics for part in range(partitions)])
        self.decisions: dict[str, list[Decision]] = defaultdict(list)
        self.states: dict[str, list[DesiredState]] = defaultdict(list)
        self.leases: dict[str, list[Lease]] = defaultdict(list)
        self.applied: dict[str, int] = defaultdict(int)
        self.pairs: dict[tuple[str, str], int] = defaultdict(int)

    def read(self) -> None:
        """Take everything that is there now."""
        while found := self._consumer.consume(500, timeout=_POLL_S):
            for message in found:
                if message.error() is None and message.value() is not None:
                    self._take(message)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _take(self, message: KafkaMessage) -> None:
        topic = message.topic()
        if topic == DECISIONS:
            decision = self._open(message, Decision, SignerRole.GUARD)
            if decision not in self.decisions[decision.rollout]:
                self.decisions[decision.rollout].append(decision)
        elif topic == COMMANDS:
            state = self._open(message, DesiredState, SignerRole.SEQUENCER)
            if state not in self.states[state.target.key][-1:]:  # what is not confirmed is stated again
                self.states[state.target.key].append(state)
        elif topic == LEASES:
            lease = self._open(message, Lease, SignerRole.GUARD)
            self.leases[lease.lease].append(lease)
        elif topic == ACKS:
            self._take_acknowledgement(self._open(message, Acknowledgement, SignerRole.GATEWAY))
        else:
            self._take_evidence(message)

    def _take_acknowledgement(self, found: Acknowledgement) -> None:
        if found.outcome is AckOutcome.APPLIED:
            self.applied[found.target.key] = max(found.generation, self.applied[found.target.key])

    def _take_evidence(self, message: KafkaMessage) -> None:
        if find_header(read_headers(message), CE_TYPE) == Evidence.ce_type.encode():
            found, _ = parse_message(Evidence, message.value())
            fewest = min((each.pairs for each in found.guardrails.values()), default=0)
            self.pairs[found.rollout, found.tenant] = max(fewest, self.pairs[found.rollout, found.tenant])

    def _open(self, message: KafkaMessage, model: type[M], role: SignerRole) -> M:
        return parse_message(model, self._trust.verify(message.value(), model.ce_type, {role}))[0]
