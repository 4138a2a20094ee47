"""One good message of every type, with every optional part filled in: what the golden bytes are made from."""

from homeostat.schemas.base import Message
from tests.golden.control_examples import control_examples, document_examples
from tests.golden.data_examples import data_examples, record_examples
from tests.golden.effect_examples import effect_examples
from tests.golden.judgement_examples import judgement_examples
from tests.golden.registry_examples import registry_examples
from tests.golden.release_examples import release_examples


def all_examples() -> dict[str, Message]:
    """An example of each type, by its CloudEvents type."""
    makers = (
        data_examples,
        record_examples,
        judgement_examples,
        release_examples,
        effect_examples,
        registry_examples,
        control_examples,
        document_examples,
    )
    return {message.ce_type: message for make in makers for message in make()}
