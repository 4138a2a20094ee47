"""What shaped one trace, in words: its release and every artifact of it, its arm and rollout, the configuration."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from homeostat.detectors.releases.bundle import describe_need
from homeostat.schemas.decision import Decision
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.trace import WorkTrace
from homeostat.streams.registry.find_trace import FoundTrace
from homeostat.streams.registry.tell import join
from homeostat.streams.registry.tell_configuration import Asked, Told, tell_configuration


class Explanation:
    """Everything that is known of a trace; what the archive does not say stays None."""

    def __init__(self, found: FoundTrace) -> None:
        self.found = found
        trace, documents = found.trace, found.documents
        self.manifest: ReleaseManifest | None = documents.releases.get(trace.release)
        self.rollout: Rollout | None = documents.rollouts.get(trace.rollout or "")
        self.step: Decision | None = documents.steps.get(trace.rollout or "")
        self.called = {call.tool for call in trace.tools} if isinstance(trace, WorkTrace) else set()
        asked = Asked(trace.tenant, trace.workflow, trace.specialty)
        self.configuration: Told = tell_configuration(documents.overrides, asked, self.manifest)

    def artifact_rows(self) -> Iterator[tuple[str, ...]]:
        """Kind, name, version, digest, owner, what it may write, and which of its tools the trace called."""
        for artifact in () if self.manifest is None else self.manifest.artifacts:
            about = (artifact.kind, artifact.name, artifact.artifact_version, artifact.digest, artifact.owner or "-")
            yield (*about, join(artifact.side_effects), join(self._called_of(artifact)))

    def lines(self) -> Iterator[str]:
        """The trace, its release, its rollout, one line each."""
        trace = self.found.trace
        work_time = datetime.fromtimestamp(trace.work_time_ms / 1000, UTC).isoformat(timespec="seconds")
        yield f"trace {trace.trace_id}: {trace.kind} of {work_time}, at {self.found.partition}/{self.found.offset}"
        yield f"{trace.tenant} / {trace.specialty} / {trace.workflow}, runtime {trace.runtime}, arm {trace.arm}"
        if self.manifest is None:
            yield f"release {trace.release}: no document of it came before the trace; nothing else can be said of it"
        else:
            about = f"{self.manifest.title!r} by {self.manifest.author}, risk {self.manifest.risk}"
            yield f"release {trace.release}: {about}, parent {self.manifest.parent or 'none'}"
        yield self._say_rollout()

    def unknown_tools(self) -> list[str]:
        """Tools that the trace called and no artifact of its release declares."""
        declared = set() if self.manifest is None else {t for each in self.manifest.artifacts for t in each.tools}
        return sorted(self.called - declared) if self.manifest is not None else []

    def to_json(self) -> dict[str, Any]:
        """The document that `--json` prints."""
        trace = self.found.trace
        about = {"trace_id", "tenant", "specialty", "workflow", "runtime", "arm", "work_time_ms"}
        return {
            "trace": trace.model_dump(mode="json", include=about),
            "partition": self.found.partition,
            "offset": self.found.offset,
            "release": trace.release,
            "manifest": None if self.manifest is None else self.manifest.model_dump(mode="json"),
            "tools_called": sorted(self.called),
            "tools_undeclared": self.unknown_tools(),
            "rollout": None if self.rollout is None else self.rollout.model_dump(mode="json"),
            "step": None if self.step is None else self.step.model_dump(mode="json", exclude={"guardrails", "sources"}),
            "configuration": self.configuration.to_json(),
        }

    def _called_of(self, artifact: Artifact) -> list[str]:
        return [tool for tool in artifact.tools if tool in self.called]

    def _say_rollout(self) -> str:
        name = self.found.trace.rollout
        if name is None:
            return "no rollout"
        if self.rollout is None:
            return f"rollout {name}: no document of it came before the trace"
        step = "not begun" if self.step is None else f"step {self.step.step}, {self.step.phase}: {self.step.reason}"
        title = f" {self.rollout.title!r}" if self.rollout.title else ""
        return f"rollout {name}{title}, {self.rollout.strategy}, share {self.rollout.share:g}; {step}"


def contract_lines(manifest: ReleaseManifest) -> Iterator[str]:
    """The contracts between a release's artifacts, a line an artifact that has some."""
    for artifact in manifest.artifacts:
        provides = [f"provides {offer.contract} {offer.contract_version}" for offer in artifact.provides]
        requires = [f"requires {describe_need(need)}" for need in artifact.requires]
        if provides or requires:
            yield f"{artifact.kind} {artifact.name}: {join([*provides, *requires])}"
