"""Merkle trees of RFC 6962 (and RFC 9162): roots, inclusion and consistency, and checks that need no tree.

Leaf hash = SHA-256(0x00 ‖ leaf), node hash = SHA-256(0x01 ‖ left ‖ right). The root of no leaf is SHA-256 of nothing.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()


def hash_leaf(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return sha256(b"\x00" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: roots of its perfect subtrees, largest first; O(log n) however large it is."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf by its hash."""
        roots, rest = self._roots, self.size
        while rest & 1:
            leaf_hash = hash_node(roots.pop(), leaf_hash)
            rest >>= 1
        roots.append(leaf_hash)
        self.size += 1

    def root(self) -> bytes:
        """The root of the leaves so far."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = hash_node(left, root)
        return root


def compute_root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes.

    >>> compute_root([]).hex()[:8], compute_root([hash_leaf(b"")]).hex()[:8]
    ('e3b0c442', '6e340b9c')
    """
    frontier = Frontier()
    for each in hashes:
        frontier.append(each)
    return frontier.root()


def prove_inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` (RFC 6962, 2.1.1), the leaf's sibling first. Raises IndexError."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"leaf {index} of a tree of {len(hashes)}")
    if len(hashes) == 1:
        return []
    split = _split(len(hashes))
    if index < split:
        return [*prove_inclusion(hashes[:split], index), compute_root(hashes[split:])]
    return [*prove_inclusion(hashes[split:], index - split), compute_root(hashes[:split])]


def root_from_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to (RFC 9162, 2.1.3.2); None for a path that cannot be of that leaf and size."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = hash_node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hash_node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def prove_consistency(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """That the tree over the first `old_size` leaves is the beginning of this one (RFC 6962, 2.1.2).

    Raises IndexError for a size that is not between 1 and the tree's.
    """
    if not 1 <= old_size <= len(hashes):
        raise IndexError(f"size {old_size} of a tree of {len(hashes)}")
    return _prove_subtree(hashes, old_size, whole=True)


def check_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if old_size == new_size:
        return not proof and old_root == new_root
    if not 1 <= old_size < new_size:
        return False
    nodes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not nodes:
        return False
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old, new = nodes[0], nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = hash_node(node, old), hash_node(node, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = hash_node(new, node)
        at, last = at >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _prove_subtree(hashes: Sequence[bytes], old_size: int, whole: bool) -> list[bytes]:
    if old_size == len(hashes):
        return [] if whole else [compute_root(hashes)]
    split = _split(len(hashes))
    if old_size <= split:
        return [*_prove_subtree(hashes[:split], old_size, whole), compute_root(hashes[split:])]
    return [*_prove_subtree(hashes[split:], old_size - split, whole=False), compute_root(hashes[:split])]


def _split(size: int) -> int:
    """The largest power of two below a size of two or more."""
    return 1 << (size - 1).bit_length() - 1
