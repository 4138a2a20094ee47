"""The one way in which hot loops are compiled, so that pure and compiled forms are the same source."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function with numba: cached on disk, no fast-math, Python's rules for division.

    With `NUMBA_DISABLE_JIT=1` the function itself comes back. Compiled callers inline compiled callees; numba's
    cache does not notice that a callee in another file changed, so clear `__pycache__` after such a change.
    """
    return cast(F, numba.njit(cache=True, fastmath=False)(function))


def pure(function: F) -> F:
    """Give the uncompiled form of a compiled function; the function itself when the compiler is off."""
    return cast(F, getattr(function, "py_func", function))
