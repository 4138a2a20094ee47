"""What the topics say of rollouts: documents, decisions and evidence, each believed only with its signer's name."""

from collections.abc import Callable, Iterable

import structlog

from homeostat.detectors.control_types import CONTROL_KINDS, check_signer
from homeostat.detectors.guard.evidence_book import EvidenceBook
from homeostat.detectors.guard.gates import People
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import Approval, ControlType, Document, OrderDocument, Stop
from homeostat.schemas.decision import Decision
from homeostat.schemas.drill import DrillRun
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import LogRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Effects, Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.safety_regression import SafetyRegressionDocument
from homeostat.schemas.topics import CONTROLS, DECISIONS, EVIDENCE, POLICIES, RELEASES, ROLLOUTS
from homeostat.streams.decisions.topics import Topics
from homeostat.streams.rollouts.follow_up import FollowUp, follow_up
from homeostat.streams.rollouts.gathered import Gathered

log = structlog.get_logger("homeostat.rollouts")
_OF_SAFETY = (ControlType.SAFETY_REGRESSION,)
_KINDS = {
    POLICIES: (ControlType.POLICY,),
    RELEASES: (ControlType.RELEASE,),
    ROLLOUTS: (ControlType.ROLLOUT,),
    CONTROLS: (ControlType.APPROVAL, ControlType.ORDER, ControlType.STOP, ControlType.DRILL_RUN),
    DECISIONS: (ControlType.ROLLOUT_STEP,),
}


class RolloutBook:
    """The newest version of every document, every decision by rollout in order of steps, policies by digest."""

    def __init__(self, topics: Topics, trust: TrustStore) -> None:
        """Read documents and decisions; what is not signed by one who may is logged and left out."""
        self._topics, self._trust = topics, trust
        self.rollouts: dict[str, Rollout] = {}
        self.releases: dict[str, ReleaseManifest] = {}
        self.policies: dict[str, Policy] = {}
        self.policy: Policy | None = None
        self.decisions: dict[str, list[Decision]] = {}
        self.drills: dict[str, DrillRun] = {}
        self._approvals: dict[str, Approval] = {}
        self._orders: dict[str, OrderDocument] = {}
        self._stops: dict[str, Stop] = {}
        self._versions: dict[tuple[str, str], int] = {}
        for topic, kinds in _KINDS.items():
            for place, record in topics.read(topic):
                message = self._believe(kinds, topic, place.offset, record)
                if message is not None:
                    self._take(topic, message)

    @property
    def people(self) -> People:
        """Approvals, orders and stops, with the releases that they are about."""
        return People(self._approvals, self._orders, self._stops, self.releases)

    def find(self, text: str) -> str:
        """The id of a rollout by its id, the beginning of it, or its title. Raises `DocumentInvalid`."""
        ids = sorted({*self.rollouts, *self.decisions})
        titles = {rollout: self.rollouts[rollout].title for rollout in self.rollouts}
        found = [each for each in ids if each.startswith(text) or titles.get(each) == text]
        if len(found) == 1:
            return found[0]
        if found:
            raise DocumentInvalid(f"{text!r} is {len(found)} rollouts: {', '.join(found)}")
        raise DocumentInvalid(f"no rollout {text!r}: see `homeostat rollout list`")

    def policy_of(self, decision: Decision | None) -> Policy | None:
        """The policy that a rollout is judged by: its decision's if it is still there, else the present one."""
        known = None if decision is None else self.policies.get(decision.policy_digest)
        return known or self.policy

    def gather_evidence(
        self, rollout: str, up_to: Decision | None, look: Callable[[EvidenceBook, int], None] = lambda *_: None
    ) -> Gathered:
        """The evidence of a rollout (up to a decision's mark) and what its signals say (to the end of the log).

        `look` sees the evidence as it stands before each record of it, and that record's time in ms.
        """
        gathered = Gathered(rollout, look)
        for place, record in self._topics.read(EVIDENCE):
            gathered.take(record, is_judged=up_to is None or place.offset <= up_to.mark)
            told = self._believe(_OF_SAFETY, EVIDENCE, place.offset, record)
            if isinstance(told, SafetyRegressionDocument):
                gathered.take_regression(told)
        return gathered

    def follow_up(self, rollout: Rollout, limits: Effects, now_ms: int) -> FollowUp:
        """What became of what a rollout's targets were told."""
        return follow_up(self._topics, self._trust, rollout, limits, now_ms)

    def _believe(self, kinds: Iterable[ControlType], topic: str, offset: int, record: LogRecord) -> Message | None:
        kind = find_header(record.headers, CE_TYPE)
        for each in kinds:
            model, roles = CONTROL_KINDS[each]
            if kind != model.ce_type.encode():
                continue
            try:
                verified = self._trust.verify_with_key(record.value, model.ce_type, roles)
                message, _ = parse_message(model, verified.payload)
                check_signer(message, verified.key)
            except (SignatureRefused, PoisonRecord) as error:
                log.warning("not believed", topic=topic, offset=offset, why=str(error))
                return None
            return message
        return None

    def _take(self, topic: str, message: Message) -> None:
        if isinstance(message, Decision):
            known = self.decisions.setdefault(message.rollout, [])
            if not known or message.step > known[-1].step:
                known.append(message)
        if not isinstance(message, Document):
            return
        if message.subject_version <= self._versions.get((topic, message.subject), 0):
            return
        self._versions[topic, message.subject] = message.subject_version
        if isinstance(message, OrderDocument):
            self._orders[message.body.rollout] = message
        else:
            self._take_body(message.subject, message.body)

    def _take_body(self, subject: str, body: object) -> None:
        match body:
            case Policy():
                self.policy = body
                self.policies[digest_document(body)] = body
            case ReleaseManifest():
                self.releases[digest_document(body)] = body
            case Rollout():
                self.rollouts[body.rollout] = body
            case Approval():
                self._approvals[subject] = body
            case Stop():
                self._stops[subject] = body
            case DrillRun():
                self.drills[body.gateway] = body
            case _:
                pass
