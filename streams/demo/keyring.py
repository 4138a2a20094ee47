"""New keys for one run of the demo."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from homeostat.schemas.policy import DeadLetterKey
from homeostat.streams.clock import SystemClock
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import FIRST_MASTER, KeySet
from homeostat.streams.keys import MASTERS, PRIVATE, TRUST


@dataclass(frozen=True)
class DemoKeys:
    """Where the keys of a run lie, and which public key its dead letters are sealed to."""

    folder: Path
    dead_letters: DeadLetterKey
    master_id: str = FIRST_MASTER

    @property
    def trust(self) -> Path:
        return self.folder / TRUST

    @property
    def private(self) -> Path:
        return self.folder / PRIVATE

    @property
    def masters(self) -> Path:
        return self.folder / MASTERS


def make_demo_keys(folder: Path, gateway: str) -> DemoKeys:
    """Make and write a full set; those of an earlier run in the same folder are thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    keys = KeySet.generate(SystemClock().wall_ms(), gateways=(gateway,))
    write_key_set(keys, folder)
    return DemoKeys(folder, keys.dead_letter_key())
