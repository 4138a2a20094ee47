"""What a run of the demo came to: per canary what happened, after how much, how fast; and whether it was right."""

from typing import Any

from homeostat.streams.demo.board import Board, CanaryView


def sum_up(board: Board, facts: dict[str, object]) -> dict[str, Any]:
    """The run as a document for programs; `right` says whether everything that should happen did."""
    return {
        "right": board.right,
        "canaries": {view.canary.name: _sum_up_canary(view) for view in board.views.values()},
        "alarms": len(board.alarms),
        "drift_events": [
            {"class": e.drift_class.value, "harm": e.harm.value, "scope": e.scope.key, "next_step": e.next_step.value}
            for e in board.events.values()
        ],
        **facts,
    }


def _sum_up_canary(view: CanaryView) -> dict[str, Any]:
    decision = view.ended
    if decision is None:
        return {"outcome": "undecided", "expected": view.canary.outcome.value, "right": False}
    deciding_ms = decision.log_time_ms
    last_ack_ms = max(view.acked_ms.values(), default=None)
    return {
        "outcome": decision.phase.value,
        "expected": view.canary.outcome.value,
        "right": view.right,
        "verdict": decision.verdict.value,
        "deciding": list(decision.deciding),
        "sessions": decision.sessions,
        "pairs": decision.pairs,
        "pairs_a_cohort": sorted({g.pairs for g in decision.guardrails}),
        "targets_acknowledged": len(view.acked_ms),
        "decision_to_acknowledgement_s": None if last_ack_ms is None else round((last_ack_ms - deciding_ms) / 1000, 3),
        "reason": decision.reason,
    }


def describe(summary: dict[str, Any]) -> list[str]:
    """The same for people, a line each."""
    lines = []
    for name, found in summary["canaries"].items():
        mark = "as it should" if found["right"] else f"WRONG, expected {found['expected']}"
        lines.append(f"{name}: {found['outcome'].replace('_', ' ')} — {mark}")
        if "verdict" in found:
            lines.append(
                f"    after {found['sessions']} sessions and {found['pairs']} pairs of notes; decided by "
                f"{', '.join(found['deciding']) or 'all guardrails not inferior'}; deciding evidence to last "
                f"acknowledgement {found['decision_to_acknowledgement_s']} s"
            )
            lines.append(f"    {found['reason']}")
    lines.append(f"{summary['alarms']} alarms became {len(summary['drift_events'])} drift events")
    return lines
