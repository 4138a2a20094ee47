"""`python -m tests.golden.write`: golden bytes of this contract version, for types that have none yet."""

from pathlib import Path

from homeostat.schemas.base import VERSION
from homeostat.schemas.canonical import to_json
from tests.golden.examples import all_examples

FOLDER = Path(__file__).parent


def write_missing(folder: Path) -> list[Path]:
    """Write what is missing; a file that exists is a promise and stays."""
    folder.mkdir(exist_ok=True)
    missing = [(folder / f"{ce_type}.json", message) for ce_type, message in all_examples().items()]
    written = [path for path, message in missing if not path.exists()]
    for path, message in missing:
        if path in written:
            path.write_bytes(to_json(message) + b"\n")
    return written


if __name__ == "__main__":
    for path in write_missing(FOLDER / VERSION):
        print(path)  # noqa: T201 a command's output
