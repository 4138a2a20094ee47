"""`homeostat worker --role all`: what the processes of the roles are told."""

import subprocess
import sys
from pathlib import Path

from homeostat.streams.cli.exit_codes import ExitCode


def test_every_roles_process_reads_the_settings_file_that_was_asked_for(tmp_path: Path) -> None:
    """Whichever role ends first ends the others; each of them would name a path that only the file has."""
    keys = tmp_path / "named in the file"
    sections = f'[keys]\ntrust_folder = "{keys}"\nprivate_key_path = "{keys}/key"\nmac_masters_folder = "{keys}"\n'
    (tmp_path / "mine.toml").write_text(sections)
    command = [sys.executable, "-m", "homeostat", "--config", "mine.toml", "worker", "--role", "all"]
    ended = subprocess.run(
        [*command, "--bootstrap", "127.0.0.1:1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode not in (ExitCode.OK, ExitCode.DEFECT)
    assert str(keys) in ended.stderr
