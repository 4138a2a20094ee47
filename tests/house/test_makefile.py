"""Every target says what it does, and `make` alone lists them."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = {
    "setup", "demo", "test", "lint", "bench", "bench-guard", "bench-rollback", "bench-delay", "bench-null",
    "bench-latency", "bench-scenarios", "faults", "lock", "wheel", "clean", "coverage", "help",
}  # fmt: skip


def test_phony_targets_have_help() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == TARGETS
    assert set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE)) == TARGETS


def test_make_alone_lists_the_targets() -> None:
    result = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.split()[1] for line in result.stdout.splitlines()} == TARGETS


def test_ci_runs_lint_and_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert re.search(r"^make lint\b", script.read_text(), re.MULTILINE)
    assert re.search(r"^make test\b", script.read_text(), re.MULTILINE)
