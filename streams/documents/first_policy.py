"""The policy that a new installation starts from, as the YAML that `homeostat apply` reads."""

import yaml

from homeostat.schemas.defaults import default_policy
from homeostat.schemas.registries.catalogue import Runtime

_HEAD = """\
# The policy that a new installation starts from: the registry of a {runtime} (docs/signals.md).
# Only what can change what the stages decide stands here; where a process runs stands in its settings.
# A field that is not given has its default: see homeostat/schemas/policy.py and signal.py.
kind: policy
version: 1 # raise it with every change; what is there already is not repeated
"""


def write_first_policy(runtime: Runtime) -> str:
    """One YAML document with every signal of the runtime's registry; times, budget and the rest are the defaults."""
    signals = [
        signal.model_dump(mode="json", exclude_defaults=True) for signal in default_policy(runtime=runtime).signals
    ]
    body = yaml.safe_dump({"body": {"signals": signals}}, sort_keys=False, width=110, allow_unicode=True)
    return _HEAD.format(runtime=runtime) + body
