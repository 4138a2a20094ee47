"""The topics table: one input a stage, state beside each, and no topic whose loss would be silent."""

from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import (
    ACKS,
    COMMANDS,
    DEAD_LETTERS,
    LEASES,
    ROLE_STAGES,
    STAGE_INPUTS,
    TOPICS,
    TRACES,
    Cleanup,
    Spread,
    Timestamps,
    state_topic,
)


def test_every_stage_has_its_own_input_and_a_compacted_state_of_as_many_partitions() -> None:
    assert len(set(STAGE_INPUTS.values())) == len(STAGE_INPUTS)
    for stage, topic in STAGE_INPUTS.items():
        assert TOPICS[topic].cleanup is Cleanup.DELETE
        assert TOPICS[state_topic(stage)].cleanup is Cleanup.COMPACT
        assert TOPICS[state_topic(stage)].spread is TOPICS[topic].spread is Spread.PLATFORM


def test_every_stage_runs_in_one_role() -> None:
    assert sorted(stage for stages in ROLE_STAGES.values() for stage in stages) == sorted(STAGE_INPUTS)


def test_only_traces_get_the_brokers_time() -> None:
    assert [name for name, spec in TOPICS.items() if spec.timestamps is Timestamps.LOG_APPEND] == [TRACES]


def test_what_gateways_follow_is_compacted_and_never_expires() -> None:
    for topic in (COMMANDS, LEASES):
        assert (TOPICS[topic].cleanup, TOPICS[topic].retention_ms) == (Cleanup.COMPACT, -1)
    assert TOPICS[ACKS].cleanup is Cleanup.DELETE


def test_dead_letters_are_kept_72_hours_and_hold_a_full_record() -> None:
    assert TOPICS[DEAD_LETTERS].retention_ms == 72 * 3_600_000
    assert TOPICS[DEAD_LETTERS].max_message_bytes >= 1.4 * TOPICS[TRACES].max_message_bytes


def test_reasons_are_fit_for_headers_labels_and_slugs() -> None:
    assert all(reason.value.replace("_", "").isalpha() and reason.value.islower() for reason in Refusal)
