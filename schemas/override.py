"""Overrides of tenants, specialties and workflows, and the effective configuration that they compose to.

Each setting has one rule. Narrowed only: `allowed_tools` and `allowed_side_effects` (what every document allows),
`thresholds` (the stricter bound), `required_tools`, `requires` and `never_on` (everything that any document asks for).
Replaced: `templates` and `phrasing` (the most specific document wins, unless a wider one holds the slot fixed).
"""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Sentence, Slug
from homeostat.schemas.control import Document
from homeostat.schemas.release import ContractNeed, SideEffect
from homeostat.schemas.trace import OutputProperty

ANY = "-"
"""Stands for a tag that a scope leaves open; no slug looks like it."""
MAX_SETTINGS = 128


class Scope(Part):
    """Whom an override is for; a tag that is left open means all of them, no tag at all the whole platform."""

    tenant: Slug | None = None
    specialty: Slug | None = None
    workflow: Slug | None = None

    @property
    def key(self) -> str:
        """`tenant/specialty/workflow`, with `-` for what is left open.

        >>> Scope(tenant="riverside", workflow="visit-note").key
        'riverside/-/visit-note'
        """
        return "/".join(tag or ANY for tag in (self.tenant, self.specialty, self.workflow))

    @property
    def rank(self) -> int:
        """How specific it is: a tenant's word before a specialty's, a specialty's before a workflow's."""
        return 4 * (self.tenant is not None) + 2 * (self.specialty is not None) + (self.workflow is not None)

    def covers(self, tenant: str, specialty: str | None, workflow: str) -> bool:
        """Whether work with these tags is in it; without a specialty, only what holds for every specialty."""
        wanted = ((self.tenant, tenant), (self.specialty, specialty), (self.workflow, workflow))
        return all(tag is None or tag == found for tag, found in wanted)


class TemplateChoice(Part):
    """The output template for a slot; `fixed` keeps more specific documents from choosing another."""

    template: Slug
    fixed: bool = False


class Phrase(Part):
    """The wording of a slot, as people at the clinic want it; `fixed` as for templates."""

    text: Annotated[str, Field(max_length=500)]
    fixed: bool = False


class Bound(Part):
    """A threshold: what a value must reach, what it must not exceed, or both."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a threshold has `at_least`, `at_most` or both")
        return self

    @property
    def is_empty(self) -> bool:
        """Whether no value can satisfy it."""
        return self.at_least is not None and self.at_most is not None and self.at_least > self.at_most


class Override(Part):
    """What one scope sets. `allowed_tools` and `allowed_side_effects` left out (None) allow all that others allow.

    `required_tools` and `requires` are what the scope's work relies on; no candidate is given work whose output has a
    property of `never_on`.
    """

    scope: Scope
    author: Slug = "operator"
    title: Sentence = ""
    templates: Annotated[dict[Slug, TemplateChoice], Field(max_length=MAX_SETTINGS)] = {}
    phrasing: Annotated[dict[Slug, Phrase], Field(max_length=MAX_SETTINGS)] = {}
    thresholds: Annotated[dict[Slug, Bound], Field(max_length=MAX_SETTINGS)] = {}
    allowed_tools: Annotated[tuple[Slug, ...], Field(max_length=256)] | None = None
    required_tools: Annotated[tuple[Slug, ...], Field(max_length=256)] = ()
    allowed_side_effects: Annotated[tuple[SideEffect, ...], Field(max_length=16)] | None = None
    requires: Annotated[tuple[ContractNeed, ...], Field(max_length=64)] = ()
    never_on: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        empty = sorted(name for name, bound in self.thresholds.items() if bound.is_empty)
        if empty:
            raise ValueError(f"at_least exceeds at_most: {', '.join(empty)}")
        return self


class OverrideDocument(Document[Override]):
    """The override of one scope, as an operator signed it; its subject is the scope."""

    ce_type: ClassVar[str] = "homeostat.document.override"

    @model_validator(mode="after")
    def _check_subject(self) -> Self:
        if self.subject != self.body.scope.key:
            raise ValueError(f"the subject of this override is {self.body.scope.key}")
        return self


class Configuration(Part):
    """What all documents of a scope come to; sets are sorted, None for a set means that nobody narrowed it."""

    templates: dict[Slug, Slug] = {}
    phrasing: dict[Slug, str] = {}
    thresholds: dict[Slug, Bound] = {}
    allowed_tools: tuple[Slug, ...] | None = None
    required_tools: tuple[Slug, ...] = ()
    allowed_side_effects: tuple[SideEffect, ...] | None = None
    requires: tuple[ContractNeed, ...] = ()
    never_on: tuple[OutputProperty, ...] = ()


class TargetConfiguration(Part):
    """The effective configuration of one tenant × workflow; its digest goes with every desired state.

    `specialties` are those that some document names and that differ from the rest of the target.
    """

    tenant: Slug
    workflow: Slug
    settings: Configuration
    specialties: dict[Slug, Configuration] = {}
