"""Inlining for the kernel's parts: each is called in one place, and would else pass hundreds of fields on the stack."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def inlined(function: F) -> F:
    """Make a function part of its compiled callers; with `NUMBA_DISABLE_JIT=1` the function itself comes back."""
    return cast(F, numba.njit(inline="always", fastmath=False)(function))
