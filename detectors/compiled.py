"""The one way in which hot loops are compiled, so that pure and compiled forms are the same source."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])
_njit = cast(Callable[..., Callable[[F], F]], numba.njit)


def compiled(function: F) -> F:
    """Compile a function with numba: cached on disk, no fast-math, Python's rules for division.

    With `NUMBA_DISABLE_JIT=1` the function itself comes back. Compiled callers inline compiled callees; numba's
    cache does not notice that a callee in another file changed, so clear `__pycache__` after such a change.
    """
    return _njit(cache=True, fastmath=False, _nrt=True)(function)


def borrowing(function: F) -> F:
    """Compile a function as `compiled` does, without counting references to the arrays it is given.

    Counting them cost a third of the leaf's kernel: it hands hundreds of arrays on for every record. Such a function
    must not make arrays itself (numba refuses it); scratch comes from its caller.
    """
    return _njit(cache=True, fastmath=False, _nrt=False)(function)


def pure(function: F) -> F:
    """Give the uncompiled form of a compiled function; the function itself when the compiler is off."""
    return cast(F, getattr(function, "py_func", function))
