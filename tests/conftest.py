"""What all tests share: one real broker a session, the size of the fault trials, reproducible properties."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.backtest import platform
from tests.builders.decided import KeptTopology, NotedPlatform, Shelf

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("house")


KAFKA_TEST_S = 600
"""What a test on the real broker may take: its processes start slowly where the machine has other work."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-trials",
        choices=("small", "full"),
        default="small",
        help="small: every failpoint once; full: 100 faults, about half an hour",
    )
    parser.addoption(
        "--fault",
        action="append",
        default=[],
        metavar="TEXT",
        help="only faults whose names contain this text; may be given more than once",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of the shared broker in one worker of xdist, so that it is started once; give them time."""
    for item in items:
        if item.get_closest_marker("kafka"):
            if not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group("kafka"))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(KAFKA_TEST_S))


@pytest.fixture(scope="session")
def fault_trials(request: pytest.FixtureRequest) -> str:
    """`small` or `full`, as the command line says."""
    return str(request.config.getoption("--fault-trials"))


@pytest.fixture(scope="session")
def faults_only(request: pytest.FixtureRequest) -> list[str]:
    """Texts of which a fault's name must contain one, as the command line says; empty for all."""
    return list(request.config.getoption("--fault"))


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBroker]:
    """A real Apache Kafka for the whole session; tests use topics and groups of their own on it."""
    with LocalBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session", autouse=True)
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """The bundles of whatever guards decided in tests, replayed in a process of their own in the end."""
    shelf = Shelf(tmp_path_factory.mktemp("decided"))
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(platform, "Topology", KeptTopology)
        patches.setattr(platform, "Platform", NotedPlatform)
        yield shelf
    shelf.replay()


@pytest.fixture(autouse=True)
def _every_decision_is_exported(decided: Shelf, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    decided.export_noted(request.node.name)
