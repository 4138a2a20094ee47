"""Which drift events are safety regressions, and which of them hold a promotion. Pure."""

from collections.abc import Collection, Iterable

from homeostat.schemas.drift_event import DriftEvent, EventStatus, Harm
from homeostat.schemas.safety_regression import SafetyRegression
from homeostat.schemas.signal import Family, Role

_DECIDES = frozenset({Role.GUARDRAIL, Role.NEVER})


def read_regression(event: DriftEvent) -> SafetyRegression:
    """What a revision of an event says of safety; open while it is dangerous by a safety signal that decides."""
    harmful = [c for c in event.changes if c.harmful and c.family is Family.SAFETY and c.role in _DECIDES]
    dangerous = event.harm is Harm.DANGEROUS and event.status is not EventStatus.CLOSED
    return SafetyRegression(
        event=event.event,
        open=dangerous and bool(harmful),
        places=tuple({change.cohort.key: change.cohort for change in harmful}.values()),
        signals=tuple(sorted({change.signal for change in harmful})),
        sentence=event.sentence,
    )


def find_open_regression(
    cohorts: Collection[tuple[str, str, str]], regressions: Iterable[SafetyRegression]
) -> str | None:
    """An open regression at one of these (tenant, specialty, workflow), as a sentence; None for none."""
    for regression in sorted(regressions, key=lambda each: each.event):
        if not regression.open:
            continue
        at = next((cohort for cohort in sorted(cohorts) if regression.covers(*cohort)), None)
        if at is not None:
            named = ", ".join(regression.signals)
            return f"an open safety regression at {'/'.join(at)}: {named} (event {regression.event})"
    return None
