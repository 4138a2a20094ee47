"""Bands of patients, as bits of a row's and a session's flags, and by the places of their subgroups."""

from typing import Any, Final

from homeostat.schemas.trace import AgeBand, SexBand

AGE_SHIFT, AGE_BITS = 3, 7
SEX_SHIFT, SEX_BITS = 6, 3
BAND_FLAGS: Final = AGE_BITS << AGE_SHIFT | SEX_BITS << SEX_SHIFT
"""Flags hold an age's place + 1 and a sex's, 0 for unknown."""
AGES: Final = len(AgeBand) - 1
BANDS: Final = (
    *(f"age:{band.value.strip('-')}" for band in AgeBand if band is not AgeBand.UNKNOWN),
    *(f"sex:{band.value}" for band in SexBand if band is not SexBand.UNKNOWN),
)
"""The subgroups' tags; the first `AGES` are ages."""
_AGE_CODES = {band.value: (place + 1) % len(AgeBand) for place, band in enumerate(AgeBand)}
_SEX_CODES = {band.value: (place + 1) % len(SexBand) for place, band in enumerate(SexBand)}


def flag_bands(trace: Any) -> int:
    """The flags of a work trace's bands."""
    return _AGE_CODES[trace.age_band] << AGE_SHIFT | _SEX_CODES[trace.sex_band] << SEX_SHIFT


def places_of(flags: int) -> list[int]:
    """The places in `BANDS` of a session's or a row's bands.

    >>> [BANDS[place] for place in places_of(4 << AGE_SHIFT | 1 << SEX_SHIFT)]
    ['age:65-79', 'sex:female']
    """
    age, sex = flags >> AGE_SHIFT & AGE_BITS, flags >> SEX_SHIFT & SEX_BITS
    return [*([age - 1] if age else []), *([AGES + sex - 1] if sex else [])]
