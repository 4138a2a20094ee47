"""Every statistic of the package keeps the contract of `Monitor`: found by looking, none can be left out."""

import dataclasses
import hashlib
import importlib
import inspect
import itertools
import math
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import base
from scipy import stats

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics import monitors
from homeostat.detectors.statistics.monitor import Monitor, Observation
from homeostat.detectors.statistics.monitor_kernel import write_e
from homeostat.detectors.statistics.monitor_slots import MonitorSlots
from homeostat.detectors.statistics.monitors.conformal import ConformalMonitor
from homeostat.detectors.statistics.monitors.embedding import EmbeddingMonitor
from homeostat.detectors.statistics.river_monitor import MonitorDetector
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.signal import Kind


def discover() -> list[type[Monitor]]:
    modules = [
        importlib.import_module(f"{monitors.__name__}.{m.name}") for m in pkgutil.iter_modules(monitors.__path__)
    ]
    found = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Monitor) and not inspect.isabstract(member) and member.__module__ == module.__name__
    }
    return sorted(found, key=lambda member: member.__name__)


CLASSES = discover()
EXAMPLES = [
    pytest.param(example, id=f"{cls.__name__}-{number}")
    for cls in CLASSES
    for number, example in enumerate(cls.examples())
]
every_example = pytest.mark.parametrize("monitor", EXAMPLES)


def observe(monitor: Monitor, still: int, moved: int, seed: int = 3) -> list[Observation]:
    rng = np.random.default_rng(seed)
    return [monitor.draw(float(u)) for u in rng.random(still)] + [
        monitor.draw_moved(float(u)) for u in rng.random(moved)
    ]


def rows(xs: list[Observation]) -> Floats:
    return np.array(xs, np.float64).reshape(len(xs), -1)


def test_every_module_holds_one_statistic_and_every_kind_has_one() -> None:
    assert len(CLASSES) == len(list(pkgutil.iter_modules(monitors.__path__)))
    assert {kind.value for kind in Kind} <= {cls.kind for cls in CLASSES}
    assert {"spread", "transitions", "never", "conformal"} <= {cls.kind for cls in CLASSES}


@pytest.mark.parametrize("cls", CLASSES)
def test_the_docstring_says_what_is_promised(cls: type[Monitor]) -> None:
    text = inspect.getdoc(cls) or ""
    for part in ("e", "Guarantee: ", "Units: ", "Source: ", ">>> "):
        assert part in text


@every_example
def test_pure_and_compiled_forms_are_the_same_bits(monitor: Monitor) -> None:
    xs = observe(monitor, 60, 60)
    state, evidence, alarms, onsets = monitor.start(), [], [], []
    for index, x in enumerate(xs):
        state, result = monitor.update(state, x)
        evidence.append(result.evidence)
        if result.alarm:
            alarms.append(index)
            onsets.append(result.onset)
            assert result.evidence >= result.threshold
            assert result.bet is not None
    end, run = monitor.run(monitor.start(), xs)
    assert run.evidence.tolist() == evidence
    assert (run.alarms.tolist(), run.onsets.tolist()) == (alarms, onsets)
    assert monitor.to_bytes(end) == monitor.to_bytes(state)
    assert alarms, "a change is found within 60 observations"


@every_example
@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 80), max_size=4))
def test_slices_do_not_show(monitor: Monitor, cuts: list[int]) -> None:
    xs = observe(monitor, 50, 30)
    whole = monitor.run(monitor.start(), xs)
    state, evidence = monitor.start(), []
    edges = [0, *sorted(cuts), len(xs)]
    for begin, end in itertools.pairwise(edges):
        state, run = monitor.run(monitor.from_bytes(monitor.to_bytes(state)), xs[begin:end])
        evidence += run.evidence.tolist()
    assert evidence == whole[1].evidence.tolist()
    assert monitor.to_bytes(state) == monitor.to_bytes(whole[0])


@every_example
def test_a_state_is_not_changed_and_the_same_observations_give_the_same(monitor: Monitor) -> None:
    xs = observe(monitor, 20, 20)
    start = monitor.start()
    before = monitor.to_bytes(start)
    first, second = monitor.run(start, xs), monitor.run(start, xs)
    assert monitor.to_bytes(start) == before
    assert monitor.to_bytes(first[0]) == monitor.to_bytes(second[0])
    assert monitor.to_bytes(monitor.update(start, xs[0])[0]) != before
    assert monitor.to_bytes(start) == before


@every_example
def test_no_observations_change_nothing(monitor: Monitor) -> None:
    state, run = monitor.run(monitor.start(), [])
    assert monitor.to_bytes(state) == monitor.to_bytes(monitor.start())
    assert run.alarms.size == run.evidence.size == 0


@every_example
def test_states_come_back_from_bytes_and_other_bytes_are_refused(monitor: Monitor) -> None:
    state = monitor.run(monitor.start(), observe(monitor, 30, 10))[0]
    data = monitor.to_bytes(state)
    again = monitor.from_bytes(data)
    assert monitor.to_bytes(again) == data
    assert again.n == 40
    for garbage in (b"", data[:-1], data + b"\0", data[:-1] + bytes([data[-1] ^ 1]), b"\xff" * len(data)):
        with pytest.raises(StateCorrupt):
            monitor.from_bytes(garbage)


@every_example
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_nothing_changes(monitor: Monitor, bad: float) -> None:
    xs = observe(monitor, 5, 0)
    state = monitor.run(monitor.start(), xs)[0]
    before = monitor.to_bytes(state)
    stream = rows(xs)
    stream[2, 0] = bad
    with pytest.raises(ValueError, match="no value"):
        monitor.update(state, stream[2])
    with pytest.raises(ValueError, match="observation 2 "):
        monitor.run(state, stream)
    assert monitor.to_bytes(state) == before


@every_example
def test_what_is_out_of_range_is_refused(monitor: Monitor) -> None:
    low, high, whole = monitor.sealed.limits[:3].tolist()
    x = np.array(monitor.draw(0.5), np.float64).reshape(-1)
    outside = [
        value for value in (low - 1.0, high + 1.0, 0.5 if whole else math.inf) if not low <= value <= high or whole
    ]
    for value in outside:
        x[0] = value
        with pytest.raises(ValueError, match="no value"):
            monitor.update(monitor.start(), x)
    with pytest.raises(ValueError, match="numbers"):
        monitor.update(monitor.start(), np.zeros(monitor.width + 1))


def at_the_edge(monitor: Monitor, rng: np.random.Generator) -> Monitor:
    """The monitor itself, or with a reference drawn from the same null as the stream."""
    if not isinstance(monitor, ConformalMonitor):
        return monitor
    reference = [[float(np.ravel(monitor.draw(float(u)))[0]) for u in rng.random(30)] for _ in monitor.reference]
    return dataclasses.replace(monitor, reference=tuple(tuple(stratum) for stratum in reference))


def first_alarm(monitor: Monitor, rng: np.random.Generator, longest: int) -> int:
    state = monitor.start()
    for begin in range(0, longest, 50):
        state, run = monitor.run(state, [monitor.draw(float(u)) for u in rng.random(50)])
        if run.alarms.size:
            return begin + int(run.alarms[0]) + 1
    return longest


@every_example
def test_alarms_without_a_change_are_as_rare_as_declared(monitor: Monitor) -> None:
    """E[τ] ≥ 200 and P(τ ≤ 20) ≤ (r + 20)/(A + r), over 80 runs at the edge of the null, each p > .001."""
    rng = np.random.default_rng(17)
    lengths = np.array([first_alarm(at_the_edge(monitor, rng), rng, 2000) for _ in range(80)])
    assert lengths.mean() + 3.1 * lengths.std(ddof=1) / math.sqrt(lengths.size) >= 200.0
    early = int((lengths <= 20).sum())
    assert stats.binomtest(early, lengths.size, 22.0 / 202.0, alternative="greater").pvalue > 0.001


@every_example
def test_each_bet_has_a_mean_of_at_most_one_at_the_edge(monitor: Monitor) -> None:
    """Over 4,000 observations, within 4 standard errors; the memory moves on where the e-value learns from it."""
    rng = np.random.default_rng(23)
    es = np.empty((4000, monitor.sealed.weights.size))
    first = monitor.start().live.memory
    if isinstance(monitor, ConformalMonitor):
        first[:] = 0.0
    memory = first.copy()
    for i, u in enumerate(rng.random(len(es))):
        if not isinstance(monitor, ConformalMonitor | EmbeddingMonitor):
            memory[:] = first
        write_e(np.array(monitor.draw(float(u)), np.float64).reshape(-1), monitor.sealed, memory, es[i])
    assert np.all(es.mean(axis=0) <= 1.0 + 4.0 * es.std(axis=0, ddof=1) / math.sqrt(len(es)) + 1e-9)


def narrow() -> list[Monitor]:
    return [example for cls in CLASSES for example in cls.examples() if example.width == 1]


def test_slots_of_all_kinds_are_the_monitors_to_the_bit() -> None:
    singles = narrow()
    slots = MonitorSlots(singles)
    states = [monitor.start() for monitor in singles]
    streams = [observe(monitor, 40, 40, seed) for seed, monitor in enumerate(singles)]
    for t in range(80):
        present = np.array([(t + slot) % 3 > 0 for slot in range(len(singles))], np.int64)
        codes, evidence = slots.step(np.array([float(np.ravel(s[t])[0]) for s in streams]), present)
        for slot, monitor in enumerate(singles):
            if not present[slot]:
                assert codes[slot] == -1
                assert math.isnan(evidence[slot])
                continue
            states[slot], result = monitor.update(states[slot], streams[slot][t])
            assert evidence[slot] == result.evidence
            assert codes[slot] == (result.onset if result.alarm else -1)
    for slot, monitor in enumerate(singles):
        assert monitor.to_bytes(slots.state(slot)) == monitor.to_bytes(states[slot])


def test_a_slot_refuses_alone_and_is_restored_alone() -> None:
    singles = narrow()
    slots = MonitorSlots(singles)
    before = [monitor.to_bytes(slots.state(slot)) for slot, monitor in enumerate(singles)]
    xs = np.array([float(np.ravel(monitor.draw(0.3))[0]) for monitor in singles])
    xs[1] = math.nan
    codes = slots.step(xs)[0]
    assert codes[1] == -2
    assert singles[1].to_bytes(slots.state(1)) == before[1]
    assert slots.state(0).n == 1
    slots.restore(0, singles[0].start())
    assert singles[0].to_bytes(slots.state(0)) == before[0]
    assert MonitorSlots([]).step(np.zeros(0))[0].size == 0


def test_slots_take_one_number_each() -> None:
    wide = next(example for cls in CLASSES for example in cls.examples() if example.width > 1)
    with pytest.raises(ValueError, match="one number"):
        MonitorSlots([wide])
    with pytest.raises(ValueError, match="one number"):
        MonitorDetector(wide)


@pytest.mark.parametrize(
    "monitor", [m for m in EXAMPLES if isinstance(m.values[0], Monitor) and m.values[0].width == 1]
)
def test_river_takes_it_for_a_drift_detector(monitor: Monitor) -> None:
    detector = MonitorDetector(monitor)
    assert isinstance(detector, base.DriftDetector)
    assert (detector.drift_detected, detector.onset, math.isnan(detector.evidence)) == (False, None, True)
    xs = [float(np.ravel(x)[0]) for x in observe(monitor, 40, 60)]
    drifts = [index for index, x in enumerate(xs) if detect(detector, x)]
    assert drifts == monitor.run(monitor.start(), xs)[1].alarms.tolist()
    twin = detector.clone()
    assert twin.monitor == detector.monitor
    assert (twin.drift_detected, math.isnan(twin.evidence)) == (False, True)


def detect(detector: MonitorDetector, x: float) -> bool:
    detector.update(x)
    return detector.drift_detected


def test_the_interpreter_alone_gives_the_same_bytes() -> None:
    """Every e-value's source run by Python, without the compiler, in a process of its own."""
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_conformance as t; "
    program += "sys.stdout.write(chr(10).join(t.digests()))"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == list(digests())


def digests() -> Iterator[str]:
    for cls in CLASSES:
        for monitor in cls.examples():
            state, run = monitor.run(monitor.start(), observe(monitor, 15, 10))
            yield hashlib.sha256(monitor.to_bytes(state) + run.evidence.tobytes()).hexdigest()
