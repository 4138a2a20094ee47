"""One case raced: each detector's delays by change point, its run length, and both beside the oracle's."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bench.delay import floor, focus, oracle
from bench.delay.cases import RUN_LENGTH, Case, Score
from bench.delay.measure import Figure, FirstAlarm, delays, first_alarm, run_length
from bench.delay.oracle import Floats
from bench.delay.rivals import REFERENCES, calibrate, rival_delay, rivals_of
from homeostat.detectors.statistics.monitor import Monitor
from homeostat.detectors.statistics.monitors.conformal import ConformalMonitor

ORACLE = "oracle CUSUM"
FLOOR = "floor: index unknown"
REFERENCE_FLOOR = f"floor: size known, {REFERENCES} references"
FROM_BOUND = "oracle CUSUM from the bound"
FITTED_SHARE = 4


class Size(NamedTuple):
    """How much is simulated; `null_steps` calibrate the oracle and FOCuS."""

    changes: tuple[int, ...]
    repeats: int
    null_runs: int
    null_steps: int
    rival_repeats: int
    rival_runs: int


SIZES = {
    "small": Size((0, 100, 1000), 400, 60, 2_000_000, 40, 12),
    "full": Size((0, 100, 1000, 10_000), 600, 100, 4_000_000, 40, 12),
}


class Line(NamedTuple):
    """One detector on one case: mean delays by change point (observations) and the worst ratio to the oracle's there.

    `run_length`: measured, nan where it was not; `against`: the oracle that `worst` compares with; `floor`: the same
    ratio to the floor, at the change point where that is worst; nan where nothing is unknown but the size.
    """

    kind: str
    case: str
    detector: str
    delays: dict[str, float]
    worst: float
    error: float
    run_length: float
    run_length_error: float
    against: str
    floor: float = np.nan


def always(monitor: Monitor) -> Callable[[int], Monitor]:
    return lambda _: monitor


class Race:
    """All detectors on one case, with one random generator and one size."""

    def __init__(self, case: Case, size: Size, rng: np.random.Generator) -> None:
        self.case, self.size, self.rng = case, size, rng
        scores = case.score(case.before(rng, size.null_steps))
        self.level = oracle.calibrate_level(scores, RUN_LENGTH)
        crossings = max(oracle.count_crossings(scores, self.level), 1)
        self.oracle_run_length = Figure(scores.size / crossings, scores.size / crossings**1.5, crossings)
        expected = self._figures(self._oracle(case.score, self.level), 60, 4000)[0].mean
        self.longest = int(12 * expected) + 200
        self.oracle = self._figures(self._oracle(case.score, self.level), size.repeats * 2, self.longest)
        self.floor = self._floor_figures()

    def _oracle(self, score: Score, level: float) -> Callable[[int], FirstAlarm]:
        return lambda _: lambda xs: oracle.first_crossing(score(xs), level)

    def _figures(self, alarm_of: Callable[[int], FirstAlarm], repeats: int, longest: int) -> list[Figure]:
        case = self.case
        return [delays(alarm_of, case.before, case.after, self.rng, at, repeats, longest) for at in self.size.changes]

    def _floor_figures(self) -> list[Figure] | None:
        """Delays of the detector that knows everything but which index has moved."""
        statistic = self.case.floor
        if statistic is None:
            return None
        level = floor.calibrate_level(lambda: statistic, self.case.before, self.rng, self.size.null_steps, RUN_LENGTH)
        return self._figures(
            lambda _: lambda xs: floor.first_above(statistic(xs), level), self.size.repeats * 2, self.longest
        )

    def _line(
        self, name: str, figures: list[Figure], length: Figure, base: list[Figure] | None = None, against: str = ORACLE
    ) -> Line:
        ratios = [mine.mean / its.mean for mine, its in zip(figures, base or self.oracle, strict=True)]
        worst = int(np.argmax(ratios))
        error = figures[worst].error / (base or self.oracle)[worst].mean
        shown = {str(at): figure.mean for at, figure in zip(self.size.changes, figures, strict=True)}
        over = max((mine.mean / its.mean for mine, its in zip(figures, self.floor or [], strict=False)), default=np.nan)
        line = Line(
            self.case.kind, self.case.name, name, shown, ratios[worst], error, length.mean, length.error, against
        )
        return line._replace(floor=over)

    def of_monitors(self, name: str, monitor_of: Callable[[int], Monitor]) -> Line:
        """A line of a monitor that may be another one each time (with a reference of its own)."""

        def alarm_of(repeat: int) -> FirstAlarm:
            monitor = monitor_of(repeat)
            return lambda xs: first_alarm(monitor, xs)

        figures = self._figures(alarm_of, self.size.repeats, self.longest)
        length = run_length(monitor_of, self.case.before, self.rng, self.size.null_runs)
        return self._line(name, figures, length)

    def of_oracle(self) -> list[Line]:
        lines = [self._line(ORACLE, self.oracle, self.oracle_run_length)]
        if self.case.parametric is not None:
            score = self.case.parametric
            level = oracle.calibrate_level(score(self.case.before(self.rng, self.size.null_steps)), RUN_LENGTH)
            figures = self._figures(self._oracle(score, level), self.size.repeats, self.longest)
            lines.append(self._line("oracle, whole laws known", figures, Figure(np.nan, np.nan, 0)))
        if self.floor is not None:
            lines.append(self._line(FLOOR, self.floor, Figure(RUN_LENGTH, np.nan, 0)))
        return lines

    def of_known(self) -> list[Line]:
        return [self.of_monitors(f"e-SR, known, {name}", always(one)) for name, one in self.case.known.items()]

    def of_ranks(self) -> list[Line]:
        fit = self.case.fit
        if fit is None:
            return []

        def ranked(repeat: int) -> Monitor:
            reference = self.case.before(self.rng, REFERENCES)
            part = REFERENCES // FITTED_SHARE
            return ConformalMonitor(fit(reference[:part]), (tuple(reference[part:].tolist()),), repeat)

        return [self.of_monitors(f"e-SR, ranks, {REFERENCES} references", ranked)]

    def of_reference(self) -> list[Line]:
        """Reference and stream bet on together, for rates and categories; a reference of its own for each stream.

        A generator of its own leaves the other lines as they are. No run length: one reference may never alarm.
        """
        against = self.case.against
        if against is None:
            return []
        twin = copy.copy(self)
        twin.rng = self.rng.spawn(1)[0]
        figures = twin._figures(
            lambda _: against(self.case.before(twin.rng, REFERENCES)), self.size.repeats, self.longest
        )
        line = self._line(f"e-SR, both samples, {REFERENCES} references", figures, Figure(np.nan, np.nan, 0))
        if self.case.against_size is None:
            return [line]
        base = twin._reference_floor(self.case.against_size)
        over = max(mine.mean / its.mean for mine, its in zip(figures, base, strict=True))
        below = self._line(REFERENCE_FLOOR, base, Figure(RUN_LENGTH, np.nan, 0))
        return [below, line._replace(floor=over)]

    def _reference_floor(self, against_size: Callable[[Floats], floor.Statistic]) -> list[Figure]:
        """Delays of the detector that knows the size of the change, and of its baseline what a reference shows."""
        case, rng = self.case, self.rng

        def statistic() -> floor.Statistic:
            return against_size(case.before(rng, REFERENCES))

        level = floor.calibrate_level(statistic, case.before, rng, self.size.null_steps, RUN_LENGTH)

        def alarm_of(_: int) -> FirstAlarm:
            running = statistic()
            return lambda xs: floor.first_above(running(xs), level)

        return self._figures(alarm_of, self.size.repeats * 2, self.longest)

    def of_bound(self) -> list[Line]:
        """The bound's monitor against an oracle from the bound, and what the bound costs against the bare baseline."""
        bound, at_edge = self.case.bound, self.case.at_edge
        if bound is None or at_edge is None:
            return []
        values = [bound(self.case.before(self.rng, REFERENCES)) for _ in range(self.size.repeats)]
        middle = at_edge(float(np.mean(values)))
        level = oracle.calibrate_level(middle.score(middle.null(self.rng, self.size.null_steps)), RUN_LENGTH)
        edges = [at_edge(value) for value in values]

        def of_monitor(repeat: int) -> FirstAlarm:
            return lambda xs: first_alarm(edges[repeat].monitor, xs)

        def of_edge(repeat: int) -> FirstAlarm:
            return lambda xs: oracle.first_crossing(edges[repeat].score(xs), level)

        figures = self._figures(of_monitor, self.size.repeats, 3 * self.longest)
        base = self._figures(of_edge, self.size.repeats, 3 * self.longest)
        length = run_length(lambda _: middle.monitor, middle.null, self.rng, self.size.null_runs)
        name = f"e-SR, bound of {REFERENCES} references"
        return [self._line(name, figures, length, base, FROM_BOUND), self._line(name, figures, length)]

    def of_focus(self) -> list[Line]:
        family, as_number = self.case.family, self.case.as_number
        if family is None or as_number is None:
            return []
        null = as_number(self.case.before(self.rng, self.size.null_steps // 2))
        level = focus.calibrate_level(null, family, RUN_LENGTH)
        figures = self._figures(
            lambda _: lambda xs: focus.first_crossing(as_number(xs), family, level), self.size.repeats, self.longest
        )
        return [self._line("FOCuS, known, one side, calibrated", figures, Figure(RUN_LENGTH, np.nan, 0))]

    def of_rivals(self) -> list[Line]:
        lines = []
        for rival in rivals_of(self.case, self.rng):
            setting, length = calibrate(self.case, rival, RUN_LENGTH, self.rng, self.size.rival_runs)
            figures = [
                rival_delay(self.case, rival, setting, self.rng, at, self.size.rival_repeats, 2 * self.longest)
                for at in self.size.changes
            ]
            lines.append(self._line(f"{rival.name}, calibrated ({setting:.3g})", figures, length))
        return lines

    def run(self) -> list[Line]:
        return [
            *self.of_oracle(),
            *self.of_known(),
            *self.of_ranks(),
            *self.of_reference(),
            *self.of_bound(),
            *self.of_focus(),
            *self.of_rivals(),
        ]
