"""Reads YAML documents and resolves the names of releases in them to digests."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import Field, ValidationError

from homeostat.detectors.guard.plans import PLANNERS
from homeostat.detectors.releases.bundle import check_artifact, check_bundle
from homeostat.detectors.releases.catalogue import place_of
from homeostat.schemas.base import Message, Part, Slug
from homeostat.schemas.canonical import derive_id, digest_document
from homeostat.schemas.control import (
    ArtifactDocument,
    KeyActivation,
    KeyActivationDocument,
    Order,
    OrderDocument,
    PolicyDocument,
    ReleaseDocument,
    RolloutDocument,
    SealBaseline,
    SealBaselineDocument,
    Stop,
    StopDocument,
)
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.override import Override, OverrideDocument
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.schemas.rollout import Rollout, Target
from homeostat.schemas.topics import ARTIFACTS, CONTROLS, INTENTS, OVERRIDES, POLICIES, RELEASES, ROLLOUTS


class Entry(Part):
    """One YAML document. `name` lets later ones of the same command refer to a release as `@name`."""

    kind: Literal[
        "policy", "release", "rollout", "targets", "keys", "seal-baseline", "artifact", "override", "order", "stop"
    ]
    name: Slug | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    body: dict[str, Any]


class TargetsBody(Part):
    """Targets that are to serve a release as their baseline."""

    release: str
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]


class ToPublish(NamedTuple):
    """A message that is ready to be signed: its topic, key and itself."""

    topic: str
    key: str
    message: Message


class DocumentReader:
    """Turns entries into messages, in order. `at_ms`: the time of the command, and the version where none is given."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms
        self._releases: dict[str, ReleaseManifest] = {}

    @property
    def releases(self) -> Mapping[str, ReleaseManifest]:
        """The releases that were read under a name."""
        return self._releases

    def read_files(self, paths: Iterable[Path], kinds: Collection[str] | None = None) -> list[ToPublish]:
        """Read every entry of every file, or those of some kinds. Raises `DocumentInvalid`: file, entry and field."""
        found: list[ToPublish] = []
        for path in paths:
            for number, raw in enumerate(load_entries(path), start=1):
                if kinds is not None and isinstance(raw, dict) and raw.get("kind") not in kinds:
                    continue
                try:
                    found += self.read_entry(raw)
                except (ValidationError, DocumentInvalid) as error:
                    raise DocumentInvalid(f"{path}, document {number}: {describe_error(error)}") from None
        return found

    def read_entry(self, raw: object) -> list[ToPublish]:
        """The messages of one entry."""
        entry = Entry.model_validate(raw)
        builders: Mapping[str, Callable[[Entry], list[ToPublish]]] = {
            "policy": self._read_policy,
            "release": self._read_release,
            "rollout": self._read_rollout,
            "targets": self._read_targets,
            "keys": self._read_keys,
            "seal-baseline": self._read_seal,
            "artifact": self._read_artifact,
            "override": self._read_override,
            "order": self._read_order,
            "stop": self._read_stop,
        }
        return builders[entry.kind](entry)

    def _read_policy(self, entry: Entry) -> list[ToPublish]:
        body = Policy.model_validate(entry.body)
        return [ToPublish(POLICIES, body.name, PolicyDocument(body=body, **self._head(entry, body.name)))]

    def _read_release(self, entry: Entry) -> list[ToPublish]:
        body = ReleaseManifest.model_validate(entry.body)
        unmet = check_bundle(body.artifacts)
        if unmet:
            raise DocumentInvalid("; ".join(map(str, unmet)))
        if entry.name:
            self._releases[entry.name] = body
        digest = digest_document(body)
        return [ToPublish(RELEASES, digest, ReleaseDocument(body=body, **self._head(entry, digest)))]

    def _read_rollout(self, entry: Entry) -> list[ToPublish]:
        named = {key: self._digest_of(entry.body[key]) for key in ("candidate", "control") if key in entry.body}
        rollout = entry.body.get("rollout") or derive_id("rollout", entry.name, entry.version or self._at_ms)
        body = Rollout.model_validate({**entry.body, **named, "rollout": rollout})
        PLANNERS[body.strategy](body)
        return [ToPublish(ROLLOUTS, body.rollout, RolloutDocument(body=body, **self._head(entry, body.rollout)))]

    def _read_targets(self, entry: Entry) -> list[ToPublish]:
        body = TargetsBody.model_validate(entry.body)
        manifest = self._releases.get(body.release.removeprefix("@"))
        if manifest is None:
            raise DocumentInvalid(f"release {body.release} is not in this command: name the release's file before it")
        return [
            ToPublish(
                INTENTS,
                target.key,
                Intent(
                    intent=derive_id("baseline", target.key, digest_document(manifest), self._at_ms),
                    target=target,
                    action=IntentAction.BASELINE,
                    author="operator",
                    reason="baseline stated by an operator",
                    at_ms=self._at_ms,
                    manifest=manifest,
                ),
            )
            for target in body.targets
        ]

    def _read_keys(self, entry: Entry) -> list[ToPublish]:
        body = KeyActivation.model_validate(entry.body)
        return [ToPublish(CONTROLS, "keys", KeyActivationDocument(body=body, **self._head(entry, "keys")))]

    def _read_seal(self, entry: Entry) -> list[ToPublish]:
        body = SealBaseline.model_validate(entry.body)
        subject = f"seal/{body.cohort.key}"
        return [ToPublish(CONTROLS, subject, SealBaselineDocument(body=body, **self._head(entry, subject)))]

    def _read_artifact(self, entry: Entry) -> list[ToPublish]:
        body = Artifact.model_validate(entry.body)
        check_artifact(body)
        subject = "/".join(place_of(body))
        key = f"{subject}/{digest_document(body).removeprefix('sha256:')}"
        return [ToPublish(ARTIFACTS, key, ArtifactDocument(body=body, **self._head(entry, subject)))]

    def _read_override(self, entry: Entry) -> list[ToPublish]:
        body = Override.model_validate(entry.body)
        return [ToPublish(OVERRIDES, body.scope.key, OverrideDocument(body=body, **self._head(entry, body.scope.key)))]

    def _read_order(self, entry: Entry) -> list[ToPublish]:
        body = Order.model_validate(entry.body)
        subject = f"order/{body.rollout}"
        return [ToPublish(CONTROLS, subject, OrderDocument(body=body, **self._head(entry, subject)))]

    def _read_stop(self, entry: Entry) -> list[ToPublish]:
        body = Stop.model_validate(entry.body)
        return [ToPublish(CONTROLS, body.subject, StopDocument(body=body, **self._head(entry, body.subject)))]

    def _head(self, entry: Entry, subject: str) -> dict[str, Any]:
        return {"subject": subject, "subject_version": entry.version or self._at_ms, "at_ms": self._at_ms}

    def _digest_of(self, value: object) -> object:
        if not isinstance(value, str) or not value.startswith("@"):
            return value
        found = self._releases.get(value[1:])
        if found is None:
            raise DocumentInvalid(f"release {value} is not in this command: name the release's file before it")
        return digest_document(found)


def load_entries(path: Path) -> list[object]:
    """The YAML documents of a file, unread. Raises `DocumentInvalid`."""
    try:
        return [found for found in yaml.safe_load_all(path.read_text()) if found is not None]
    except (OSError, yaml.YAMLError) as error:
        raise DocumentInvalid(f"{path} cannot be read: {error}") from None


def describe_error(error: Exception) -> str:
    """What is wrong with a document, field by field."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return str(error)
