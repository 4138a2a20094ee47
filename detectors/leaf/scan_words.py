"""The words that the scanner knows: a work trace's fields, their kinds, and the closed lists among their values."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from homeostat.detectors.leaf.arrays import Bytes, Ints
from homeostat.schemas.base import VERSION
from homeostat.schemas.trace import AgeBand, Arm, Consent, SexBand, WorkTrace


def join_words(words: Iterable[str]) -> tuple[Bytes, Ints]:
    """Words in one array (uint8), and where each begins, with the end of the last (int64 [n + 1])."""
    encoded = [word.encode() for word in words]
    starts = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return np.frombuffer(b"".join(encoded) or b"\0", np.uint8), starts


(
    TRACE_ID,
    TENANT_NAME,
    SPECIALTY,
    WORKFLOW,
    RUNTIME,
    RELEASE_DIGEST,
    ARM,
    SESSION_ID,
    ACTOR,
    WORK_ID,
    WORK_TIME,
    VERSION_FIELD,
    KIND_FIELD,
    CONSENT,
    AGE_BAND,
    SEX_BAND,
    ROLLOUT,
    SIGNALS,
    CATEGORIES,
    STEPS,
    OUTPUT_PROPERTIES,
    RETRIEVAL,
    TOOLS,
    EMBEDDING,
) = range(24)
NAMES: Final = (
    "trace_id",
    "tenant",
    "specialty",
    "workflow",
    "runtime",
    "release",
    "arm",
    "session",
    "actor",
    "work_id",
    "work_time_ms",
    "version",
    "kind",
    "consent",
    "age_band",
    "sex_band",
    "rollout",
    "signals",
    "categories",
    "steps",
    "output_properties",
    "retrieval",
    "tools",
    "embedding",
)
FIELDS: Final = len(NAMES)
REQUIRED: Final = WORK_TIME + 1
"""The fields before this one must be there."""
TEXTS: Final = ROLLOUT
"""The fields before this one are strings, but for WORK_TIME."""
assert set(NAMES) == set(WorkTrace.model_fields), "the scanner knows every field of the contract"

FIELD_WORDS, FIELD_STARTS = join_words(NAMES)
ARM_WORDS, ARM_STARTS = join_words(Arm)
CONSENT_WORDS, CONSENT_STARTS = join_words(Consent)
AGE_WORDS, AGE_STARTS = join_words(AgeBand)
SEX_WORDS, SEX_STARTS = join_words(SexBand)
VERSION_WORDS, VERSION_STARTS = join_words([VERSION])
KIND_WORDS, KIND_STARTS = join_words(["work"])
PRIVATE_CONSENT: Final = tuple(Consent).index(Consent.TENANT)
UNKNOWN_AGE: Final = tuple(AgeBand).index(AgeBand.UNKNOWN)
UNKNOWN_SEX: Final = tuple(SexBand).index(SexBand.UNKNOWN)
