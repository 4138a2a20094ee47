"""The configuration files of the local broker: server.properties and the log4j2 configuration."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

LOOPBACK = "127.0.0.1"

FIXED: Mapping[str, str] = MappingProxyType(
    {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }
)
"""What makes it one broker that is its own controller; callers may not change it."""

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "8",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "log.cleaner.dedupe.buffer.size": "33554432",
        # a killed broker may register again only when its last session is over: 9 s by default
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
    }
)
"""Settings for one machine and one replica; callers may change each."""

LOG4J2 = """\
status = error
appender.file.type = RollingFile
appender.file.name = FILE
appender.file.fileName = ${sys:homeostat.log.dir}/server.log
appender.file.filePattern = ${sys:homeostat.log.dir}/server-%i.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = FILE
"""


def render_server_properties(data_dir: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> str:
    """The text of server.properties: listeners on loopback only, replication 1, no topics made by asking for them.

    Raises ValueError when `extra` names a setting that makes the broker what it is, or a listener.
    """
    listeners = f"BROKER://{LOOPBACK}:{port}"
    placed = {
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": listeners,
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller_port}",
        "log.dirs": str(data_dir),
    }
    owned = {**FIXED, **placed}
    clash = sorted(owned.keys() & extra.keys())
    if clash:
        raise ValueError(f"these settings belong to the local broker: {', '.join(clash)}")
    return "".join(f"{name}={value}\n" for name, value in {**DEFAULTS, **extra, **owned}.items())
