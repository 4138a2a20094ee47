"""The lattice of cohorts: which of them overlap, and the narrowest one that covers several."""

from collections.abc import Iterable, Mapping

from homeostat.schemas.cohort import LAYER_TAGS, Cohort, Layer

TAGS = ("tenant", "specialty", "workflow", "arm")
NARROWEST_FIRST = (
    Layer.LEAF,
    Layer.SUBGROUP,
    Layer.TENANT_WORKFLOW,
    Layer.TENANT,
    Layer.SPECIALTY,
    Layer.WORKFLOW,
    Layer.PLATFORM,
)


def read_tags(cohort: Cohort) -> dict[str, str | None]:
    """The four tags of a cohort; None where its layer leaves one out."""
    return {tag: getattr(cohort, tag) for tag in TAGS}


def overlap(a: Cohort, b: Cohort) -> bool:
    """Whether a session may belong to both, whatever its arm.

    >>> overlap(Cohort(layer=Layer.TENANT, tenant="a"), Cohort(layer=Layer.SPECIALTY, specialty="x"))
    True
    >>> overlap(Cohort(layer=Layer.TENANT, tenant="a"), Cohort(layer=Layer.TENANT, tenant="b"))
    False
    """
    return (
        (a.tenant is None or b.tenant is None or a.tenant == b.tenant)
        and (a.specialty is None or b.specialty is None or a.specialty == b.specialty)
        and (a.workflow is None or b.workflow is None or a.workflow == b.workflow)
        and (a.band is None or b.band is None or a.band == b.band or _axis(a.band) != _axis(b.band))
    )


def covers(wide: Cohort, narrow: Cohort) -> bool:
    """Whether every session of `narrow` belongs to `wide`.

    >>> covers(Cohort(layer=Layer.PLATFORM), Cohort(layer=Layer.TENANT, tenant="a"))
    True
    """
    return all(getattr(wide, tag) in {None, getattr(narrow, tag)} for tag in (*TAGS, "band"))


def _axis(band: str) -> str:
    return band.partition(":")[0]


def join_tags(tags: Iterable[Mapping[str, str | None]]) -> dict[str, str | None]:
    """The tags that all have in common; no tags at all for nothing."""
    rows = list(tags)
    return {tag: rows[0][tag] if rows and len({row[tag] for row in rows}) == 1 else None for tag in TAGS}


def cover(tags: Mapping[str, str | None]) -> Cohort:
    """The narrowest declared cohort whose tags are among these.

    >>> cover({"tenant": "a", "specialty": "x", "workflow": None, "arm": None}).key
    'tenant/a/-/-/-'
    """
    known = {tag for tag, value in tags.items() if value is not None}
    layer = next(layer for layer in NARROWEST_FIRST if LAYER_TAGS[layer] <= known)
    return Cohort.model_validate({"layer": layer, **{tag: tags[tag] for tag in LAYER_TAGS[layer]}})
