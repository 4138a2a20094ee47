"""Routes by the bytes of a trace's tags: found without making strings of them."""

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import Bytes, Ints, RouteArrays
from homeostat.detectors.leaf.scan_words import ARM, RELEASE_DIGEST, ROLLOUT, RUNTIME, SPECIALTY, WORKFLOW

TAGS = (SPECIALTY, WORKFLOW, RUNTIME, ARM, RELEASE_DIGEST, ROLLOUT)
"""The fields that make a route, beside the tenant."""
_TELLING = 16
_MASK = 2**56 - 1


@borrowing
def hash_tags(text: Bytes, spans: Ints, tenant: int) -> int:
    """Give 56 bits of hash of the last 16 letters of each tag; equal hashes are compared letter by letter."""
    mixed = tenant + 5381
    for field in TAGS:
        first, stop = max(spans[field, 0], 0), spans[field, 1] if spans[field, 0] >= 0 else 0
        for i in range(max(first, stop - _TELLING), stop):
            mixed = (mixed * 33 + int(text[i])) & _MASK
        mixed = (mixed * 33 + 10) & _MASK
    return int(mixed ^ (mixed >> 29))


@borrowing
def has_tags(route: int, text: Bytes, spans: Ints, tenant: int, routes: RouteArrays) -> bool:
    """Whether a route is of this tenant and these tags: as long as they all are, so no tag may hold a line's end."""
    length = len(TAGS)
    for field in TAGS:
        if spans[field, 0] >= 0:
            length += spans[field, 1] - spans[field, 0]
    at = routes.starts[route]
    if routes.tenant[route] != tenant or routes.starts[route + 1] - at != length:
        return False
    for field in TAGS:
        if spans[field, 0] >= 0:
            for i in range(spans[field, 0], spans[field, 1]):
                if routes.tags[at] != text[i]:
                    return False
                at += 1
        if routes.tags[at] != 10:
            return False
        at += 1
    return True


@borrowing
def find_route(text: Bytes, spans: Ints, tenant: int, routes: RouteArrays) -> int:
    """Give the route of the scanned tags, or −1 − the table place where it may be put."""
    mask = routes.table.shape[0] - 1
    place = hash_tags(text, spans, tenant) & mask
    while routes.table[place] != 0:
        if has_tags(routes.table[place] - 1, text, spans, tenant, routes):
            return int(routes.table[place] - 1)
        place = (place + 1) & mask
    return int(-1 - place)
