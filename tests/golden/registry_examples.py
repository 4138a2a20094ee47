"""Examples of what the registry holds, and of overrides."""

from homeostat.schemas.base import Message
from homeostat.schemas.control import ArtifactDocument
from homeostat.schemas.override import Bound, Override, OverrideDocument, Phrase, Scope, TemplateChoice
from homeostat.schemas.release import Artifact, ArtifactKind, Constraint, Contract, ContractNeed, SideEffect
from homeostat.schemas.trace import OutputProperty
from tests.golden.shared import AT_MS, CANDIDATE

ARTIFACT = Artifact(
    kind=ArtifactKind.PROMPT_PACK,
    name="soap",
    artifact_version="1.6",
    digest=CANDIDATE,
    side_effects=(SideEffect.DRAFT_NOTE,),
    tools=("write-draft",),
    constraints=(Constraint(kind=ArtifactKind.MODEL, name="biobart", min_version="2", below_version="3"),),
    owner="scribe-team",
    templates=("visit-note",),
    provides=(Contract(contract="note_schema", contract_version=3),),
    requires=(ContractNeed(contract="tool_args", min_version=1, below_version=3),),
)
OVERRIDE = Override(
    scope=Scope(tenant="clinic-a", specialty="cardiology", workflow="scribe"),
    author="clinic-a-lead",
    title="What cardiology needs",
    templates={"note": TemplateChoice(template="visit-note", fixed=True)},
    phrasing={"greeting": Phrase(text="Dear colleague,", fixed=False)},
    thresholds={"unsupported_content": Bound(at_least=0.0, at_most=0.02)},
    allowed_tools=("write-draft",),
    required_tools=("write-draft",),
    allowed_side_effects=(SideEffect.DRAFT_NOTE,),
    requires=(ContractNeed(contract="note_schema", min_version=3, below_version=4),),
    never_on=(OutputProperty.MEDICATION_CHANGE,),
)


def registry_examples() -> list[Message]:
    return [
        ArtifactDocument(subject="prompt_pack/soap/1.6", subject_version=1, at_ms=AT_MS, body=ARTIFACT),
        OverrideDocument(subject=OVERRIDE.scope.key, subject_version=2, at_ms=AT_MS, body=OVERRIDE),
    ]
