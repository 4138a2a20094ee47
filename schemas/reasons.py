"""The closed list of reasons for which a record or a command is refused. Each is a metric label and a header."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why a record was dead-lettered or a signed statement refused; one value, one meaning."""

    # shape
    NOT_JSON = "not_json"
    WRONG_CODEC = "wrong_codec"
    OVERSIZE = "oversize"
    SCHEMA = "schema"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_TYPE = "unknown_type"
    UNSUPPORTED_VERSION = "unsupported_version"
    FREE_TEXT = "free_text"
    PERSONAL_DATA = "personal_data"
    OVER_LONG = "over_long"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    TOO_FAR_AHEAD = "too_far_ahead"
    # origin
    MAC_MISSING = "mac_missing"
    MAC_BAD = "mac_bad"
    MAC_KEY_UNKNOWN = "mac_key_unknown"
    WRONG_TENANT = "wrong_tenant"
    WRONG_PARTITION = "wrong_partition"
    TOKEN_BAD = "token_bad"
    SIGNATURE_BAD = "signature_bad"
    SIGNATURE_MISSING = "signature_missing"
    KEY_UNKNOWN = "key_unknown"
    KEY_WRONG_ROLE = "key_wrong_role"
    # meaning
    UNKNOWN_SIGNAL = "unknown_signal"
    UNKNOWN_RELEASE = "unknown_release"
    WRONG_TARGET = "wrong_target"
    OLD_GENERATION = "old_generation"
    OLD_QUARANTINE = "old_quarantine"
    QUARANTINED_RELEASE = "quarantined_release"
    EXPIRED = "expired"
    CLOCK_OFF = "clock_off"
    NOT_APPROVED = "not_approved"
    STOPPED = "stopped"
    BREAKS_CONFIGURATION = "breaks_configuration"
