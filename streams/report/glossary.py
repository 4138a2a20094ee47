"""The words of the page, and how its figures come about."""

from typing import Final

GLOSSARY: Final = (
    ("alarm", "one signal in one cohort has gathered enough evidence of a change to cross its threshold"),
    ("arm", "during a rollout: sessions that got the release on trial (candidate), or the old one (control)"),
    ("baseline", "what was normal for a cohort when it was last sealed: a mean, with the uncertainty of that mean"),
    ("cohort", "sessions that belong together, such as cardiology notes at one clinic"),
    ("event", "alarms of one cause, with what kind of change it is, whether it hurts, and what to do next"),
    ("evidence", "how much a bet against 'nothing changed' has won; pure chance rarely makes it grow"),
    ("guardrail", "a signal that may decide: it says when a change is harmful"),
    ("harm", "a guardrail is beyond its tolerance in the bad direction; nothing else counts as harm"),
    ("onset", "when the change began: the likeliest time, as an interval"),
    ("rollout", "a release that is tried on a share of the sessions before all get it"),
    ("session", "one piece of work, such as a visit with its note; each counts once, however many records it has"),
    ("signal", "a number that is watched, such as the share of a note that its clinician changed"),
    ("tolerance", "the smallest change that matters; smaller ones raise no alarm"),
)
_BET: Final = (
    "Each signal of each cohort is compared, session by session, with the cohort's own baseline. The comparison is a "
    "bet on 'it has moved by more than is tolerated, beyond the uncertainty of the baseline'; its winnings are the "
    "evidence. An alarm is raised when they reach a threshold that was fixed beforehand, from the number of false "
    "alarms a week that the operator accepts, and that never moves. Looking often does not make false alarms likelier."
)
_LAYERS: Final = (
    "Wider layers add up what their members' sessions say against the members' own baselines, so a changed mix of "
    "clinics is no alarm there. Release trials compare sessions on the candidate with sessions on the control of the "
    "same clinic, specialty and kind of work."
)
_SIZES: Final = (
    "The onset is dated by the bet that won most. Sizes come with 95 % intervals that hold however often one looks, but"
    " do not correct for the choice of signal and time: an event is here because it is large. 'Now' in the tables of "
    "cohorts is the last quarter of the period; the largest of many differences is shown, so small ones are chance."
)
METHOD: Final = (_BET, _LAYERS, _SIZES)
SOURCES: Final = (
    "Shin, Ramdas, Rinaldo: E-detectors: a nonparametric framework for sequential change detection (2022)",
    "Waudby-Smith, Ramdas: Estimating means of bounded random variables by betting (2023)",
    "Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid inference (2023)",
    "Bifet, Gavaldà: Learning from time-changing data with adaptive windowing (2007), by the River library",
)
