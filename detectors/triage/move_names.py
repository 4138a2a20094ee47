"""Names of changes: what counts as the same signal moving the same way."""

from collections.abc import Set

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Direction
from homeostat.schemas.signal_columns import SPREAD, part_of, signal_of


def name_move(column: str, direction: Direction) -> str:
    """A key for 'this signal, this way', in whichever cohort.

    Categories and axes of one signal move against each other, so that any of them is 'the mix of it'.

    >>> name_move("edit_ratio", Direction.UP), name_move("payer--self", Direction.DOWN)
    ('edit_ratio/up', 'payer/mix')
    >>> name_move("edit_ratio--spread", Direction.UP)
    'edit_ratio/spread'
    """
    part = part_of(column)
    way = direction.value if not part else SPREAD if part == SPREAD else "mix"
    return f"{signal_of(column)}/{way}"


def name_change(cohort: Cohort, column: str, direction: Direction) -> str:
    """A key for a column's change in one cohort."""
    return f"{cohort.key}|{column}/{direction.value}"


def is_told(alarm: Alarm, values: Set[tuple[str, str]]) -> bool:
    """Whether it is the alarm of a spread, and the (cohort key, column) of its main value is among these."""
    return part_of(alarm.signal) == SPREAD and (alarm.cohort.key, signal_of(alarm.signal)) in values
