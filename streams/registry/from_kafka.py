"""The registry's documents on the broker, each believed only with an operator's signature."""

from collections.abc import Iterable

import structlog

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.control import ArtifactDocument, ReleaseDocument
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ARTIFACTS, OVERRIDES, RELEASES
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.registry.book import Book
from homeostat.streams.settings import KafkaSettings

log = structlog.get_logger("homeostat.registry")

MODELS: dict[str, type[Message]] = {
    ARTIFACTS: ArtifactDocument,
    RELEASES: ReleaseDocument,
    OVERRIDES: OverrideDocument,
}


def read_topics(kafka: KafkaSettings, trust: TrustStore, topics: Iterable[str] = tuple(MODELS)) -> Book:
    """Read the topics to their present ends; what is not an operator's is logged and left out.

    Raises `BrokerUnavailable`, or `TopicsUnfit` where a topic is missing.
    """
    book = Book()
    for topic in topics:
        with TopicReader(kafka, topic) as reader:
            for row in reader.read():
                try:
                    payload = trust.verify(row.record.value, MODELS[topic].ce_type, (SignerRole.OPERATOR,))
                    book.take(parse_message(MODELS[topic], payload)[0])
                except (SignatureRefused, PoisonRecord, DocumentInvalid) as error:
                    log.warning("not believed", topic=topic, offset=row.record.offset, why=str(error))
    return book
