"""Which scenarios nobody looks at before the end."""

import hashlib

_KEY = b"homeostat scenarios held out"
_ONE_IN = 3


SEEN = frozenset({"from_the_docs", "from_the_docs_once_more"})
"""Folders of scenarios that were all run while rules were made."""


def is_held_out(name: str, folder: str = "") -> bool:
    """One in three, by a keyed hash of the name: neither the author nor the order of files decides; none of `SEEN`."""
    if folder in SEEN:
        return False
    digest = hashlib.blake2b(name.encode(), key=_KEY, digest_size=8).digest()
    return int.from_bytes(digest, "big") % _ONE_IN == 0
