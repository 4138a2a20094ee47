"""The trees of an audit: one a partition of `audit.v1`, and the root over them that a checkpoint signs."""

from collections.abc import Iterable

from homeostat.schemas.audit import TreeHead
from homeostat.schemas.base import Digest
from homeostat.streams.audit.merkle import Frontier, compute_root, hash_leaf


class Trees:
    """The right edges of all partitions' trees."""

    def __init__(self, partitions: int) -> None:
        self._frontiers = [Frontier() for _ in range(partitions)]

    def __len__(self) -> int:
        return len(self._frontiers)

    def append(self, partition: int, value: bytes) -> None:
        """Add an entry's bytes."""
        self._frontiers[partition].append(hash_leaf(value))

    def size(self, partition: int) -> int:
        """How many entries a partition has."""
        return self._frontiers[partition].size

    def head(self, partition: int) -> TreeHead:
        """The head of one tree as it is now."""
        frontier = self._frontiers[partition]
        return TreeHead(partition=partition, size=frontier.size, root=to_digest(frontier.root()))

    def heads(self) -> tuple[TreeHead, ...]:
        """The heads of all trees, by partition."""
        return tuple(self.head(partition) for partition in range(len(self)))


def encode_head(head: TreeHead) -> bytes:
    """The leaf that a tree's head is in the tree of trees: partition, size and root in text, a space between.

    >>> encode_head(TreeHead(partition=3, size=0, root="sha256:" + "00" * 32))[:13]
    b'3 0 sha256:00'
    """
    return f"{head.partition} {head.size} {head.root}".encode()


def join_heads(heads: Iterable[TreeHead]) -> Digest:
    """The root over the heads of all partitions."""
    return to_digest(compute_root([hash_leaf(encode_head(head)) for head in heads]))


def to_digest(root: bytes) -> Digest:
    """A hash as messages carry it."""
    return f"sha256:{root.hex()}"


def from_digest(digest: Digest) -> bytes:
    """The bytes of a digest."""
    return bytes.fromhex(digest.removeprefix("sha256:"))
