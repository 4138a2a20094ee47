"""Versions of artifacts and ranges of them, ordered as PEP 440 says.

Source: PEP 440, by `packaging`. Final versions of Semantic Versioning are ordered the same; `14` and `3.1`, which are
none there, are versions here.
"""

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact, Constraint


def parse_version(text: str) -> Version:
    """Read a version as the registry takes it: public, without an epoch. Raises `DocumentInvalid`.

    >>> parse_version("2.10") > parse_version("2.9")
    True
    """
    found = _read(text)
    if found is None or found.local or found.epoch:
        raise DocumentInvalid(f"{text!r} is no version that can be ordered: write it like 14, 3.1, 2.1.0 or 2.1.0rc1")
    return found


def version_key(text: str) -> str:
    """One name for equal versions: `1.0` and `1` are the same. Raises `DocumentInvalid`.

    >>> version_key("1.0"), version_key("2.1.0-rc.1")
    ('1', '2.1rc1')
    """
    return canonicalize_version(parse_version(text))


def parse_range(text: str | None) -> SpecifierSet:
    """Read a range: `>=2,<3`, `==2.*`, one version for exactly that, None for any. Raises `DocumentInvalid`."""
    if text is None or not text.strip():
        return SpecifierSet()
    if _read(text) is not None:
        return SpecifierSet(f"=={text.strip()}")
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        raise DocumentInvalid(f"{text!r} is no range of versions: write one like 2.1.0 or >=2,<3") from None


def is_in_range(version: str, wanted: SpecifierSet) -> bool:
    """Whether a version is in a range; a pre-release only where the range itself names one.

    >>> is_in_range("2.5", parse_range(">=2,<3")), is_in_range("2.6rc1", parse_range(">=2,<3"))
    (True, False)
    """
    found = _read(version)
    return found is not None and wanted.contains(found, prereleases=bool(wanted.prereleases))


def constraint_range(constraint: Constraint) -> SpecifierSet:
    """The range of a constraint's two bounds. Raises `DocumentInvalid` where one is no version."""
    lower = [] if constraint.min_version is None else [f">={parse_version(constraint.min_version)}"]
    upper = [] if constraint.below_version is None else [f"<{parse_version(constraint.below_version)}"]
    return SpecifierSet(",".join([*lower, *upper]))


def meets_constraint(artifact: Artifact, constraint: Constraint) -> bool:
    """Whether an artifact is the one that a constraint means, in a version that it takes; pre-releases count.

    A version that cannot be ordered meets a constraint without bounds only.
    """
    if (artifact.kind, artifact.name) != (constraint.kind, constraint.name):
        return False
    wanted = constraint_range(constraint)
    found = _read(artifact.artifact_version)
    return not list(wanted) if found is None else wanted.contains(found, prereleases=True)


def _read(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
