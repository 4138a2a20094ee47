"""A library that repeats itself is heard seldom."""

import logging

from homeostat.streams.transport.quiet import SeldomFilter


def test_passes_once_an_interval_and_counts_the_rest() -> None:
    now_s = 0.0
    seldom = SeldomFilter(10.0, lambda: now_s)
    heard = []
    for second in range(25):
        now_s = float(second)
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "no node %s", (second,), None)
        if seldom.filter(record):
            heard.append(record.getMessage())
    assert heard == ["no node 0", "no node 10 (and 9 more like it)", "no node 20 (and 9 more like it)"]


def test_other_messages_are_other_messages() -> None:
    seldom = SeldomFilter(10.0, lambda: 0.0)
    records = [logging.LogRecord(name, 30, "", 0, text, (), None) for name in ("a", "b") for text in ("x", "y")]
    assert all(seldom.filter(record) for record in records)
