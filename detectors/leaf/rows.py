"""Rows of arrays: copying them when a store grows, rearranging their signals, reading them from state bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeostat.schemas.errors import StateCorrupt

Array = NDArray[Any]


def copy_rows(old: tuple[Array, ...], new: tuple[Array, ...]) -> None:
    """Copy all rows of each array into the first rows of its larger successor."""
    for before, after in zip(old, new, strict=True):
        after[: before.shape[0]] = before


def copy_ring(old: tuple[Array, ...], new: tuple[Array, ...], first: int, end: int) -> None:
    """Copy the rows of positions from `first` up to `end`, each counted modulo its array's length, in whole runs."""
    for before, after in zip(old, new, strict=True):
        at = first
        while at < end:
            start, to = at % before.shape[0], at % after.shape[0]
            run = min(end - at, before.shape[0] - start, after.shape[0] - to)
            after[to : to + run] = before[start : start + run]
            at += run


def take_columns(array: Array, axis: int, columns: Sequence[int]) -> Array:
    """Rearrange an array's signal axis: the old column for each new one, zeros for −1."""
    one = (*array.shape[:axis], 1, *array.shape[axis + 1 :])
    padded = np.concatenate([array, np.zeros(one, array.dtype)], axis)
    return np.ascontiguousarray(np.take(padded, np.array(columns, np.int64), axis))


def join_rows(arrays: Sequence[Array]) -> list[bytes]:
    """For arrays with equal first axes, the bytes of each row of all of them in turn."""
    count = arrays[0].shape[0]
    flat = [np.ascontiguousarray(array).reshape(count, -1).view(np.uint8) for array in arrays]
    joined = np.concatenate(flat, axis=1)
    width, data = joined.shape[1], joined.tobytes()
    return [data[start : start + width] for start in range(0, count * width, width)]


def read_rows(body: bytes, arrays: Sequence[Array]) -> None:
    """Fill arrays (views) from their concatenated bytes. Raises `StateCorrupt` when the length differs."""
    expected = sum(array.nbytes for array in arrays)
    if len(body) != expected:
        raise StateCorrupt(f"a state record holds {len(body)} bytes of arrays, not {expected}")
    start = 0
    for array in arrays:
        array[...] = np.frombuffer(body, array.dtype, array.size, start).reshape(array.shape)
        start += array.nbytes
