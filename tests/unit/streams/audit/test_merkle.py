"""Merkle trees against the published vectors of RFC 6962's reference implementation, and against themselves."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.streams.audit.merkle import (
    EMPTY_ROOT,
    check_consistency,
    compute_root,
    hash_leaf,
    prove_consistency,
    prove_inclusion,
    root_from_inclusion,
)

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 1 to 8 leaves. From the tests of google/certificate-transparency (merkletree, `merkle_tree_test`)."""
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
HASHES = [hash_leaf(leaf) for leaf in LEAVES]
Sizes = st.integers(1, 40)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert compute_root([]) == EMPTY_ROOT == sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert compute_root(HASHES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize("where", INCLUSION)
def test_audit_paths_are_the_published_ones(where: tuple[int, int]) -> None:
    index, size = where
    path = prove_inclusion(HASHES[:size], index)
    assert [node.hex() for node in path] == INCLUSION[where]
    assert root_from_inclusion(HASHES[index], index, size, path) == compute_root(HASHES[:size])


@pytest.mark.parametrize("sizes", CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(sizes: tuple[int, int]) -> None:
    old, new = sizes
    proof = prove_consistency(HASHES[:new], old)
    assert [node.hex() for node in proof] == CONSISTENCY[sizes]
    assert check_consistency(old, new, compute_root(HASHES[:old]), compute_root(HASHES[:new]), proof)


@given(Sizes, st.data())
def test_every_leaf_is_proven_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = [hash_leaf(b"%d" % number) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path, root = prove_inclusion(hashes, index), compute_root(hashes)
    assert root_from_inclusion(hashes[index], index, size, path) == root
    assert root_from_inclusion(hash_leaf(b"another"), index, size, path) != root
    for wrong in set(range(-1, size + 1)) - {index}:
        assert root_from_inclusion(hashes[index], wrong, size, path) != root
    assert root_from_inclusion(hashes[index], index, size, [*path, root]) is None
    if path:
        assert root_from_inclusion(hashes[index], index, size, path[:-1]) is None


@given(Sizes, Sizes, st.data())
def test_a_tree_is_the_beginning_of_another_only_where_it_is(one: int, other: int, data: st.DataObject) -> None:
    old, new = sorted((one, other))
    hashes = [hash_leaf(b"%d" % number) for number in range(new)]
    proof, roots = prove_consistency(hashes, old), (compute_root(hashes[:old]), compute_root(hashes))
    assert check_consistency(old, new, *roots, proof)
    changed = list(hashes)
    changed[data.draw(st.integers(0, old - 1))] = hash_leaf(b"another")
    assert not check_consistency(old, new, compute_root(changed[:old]), roots[1], proof)
    assert not check_consistency(old, new, roots[0], compute_root(changed), proof)
    assert not check_consistency(old, new, *roots, [*proof, roots[0]])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_a_leaf_that_is_not_there_has_no_path(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        prove_inclusion(HASHES[:size], index)
    with pytest.raises(IndexError):
        prove_consistency(HASHES[:size], index if index > 0 and size != 3 else 0)
