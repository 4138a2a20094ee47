"""Warming up leaves nothing to be compiled, or read from the cache, while records wait (with the compiler on)."""

import subprocess
import sys

_ASKED = """
import sys
from homeostat.detectors.warm_up import compile_kernel
from homeostat.detectors.leaf.stage import LeafStage
from tests.builders.keys import MASTERS, trust
from tests.unit.detectors.leaf import test_absence
from tests.unit.detectors.leaf.test_monitors import LATER, VALUES, log_of

def made():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("homeostat.detectors")]
    functions = [function for module in modules for function in vars(module).values()]
    return {f"{f.__module__}.{f.__name__}": len(f.signatures) for f in functions if hasattr(f, "py_func")}

log = log_of([*VALUES, *LATER]).log
told = test_absence.log_of(test_absence.policy_of(test_absence.complaint()), test_absence.draw([(300, 0.2)]))
compile_kernel()
before = made()
stage = LeafStage(0, 1, trust(), MASTERS)
stage.apply(log)
stage.drain_changes()
LeafStage(0, 1, trust(), MASTERS).restore(stage.state_records())
LeafStage(0, 1, trust(), MASTERS).apply(told)
print({name: number for name, number in made().items() if number != before.get(name)})
"""


def test_a_leaf_at_work_compiles_nothing_more() -> None:
    done = subprocess.run([sys.executable, "-c", _ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{}"
