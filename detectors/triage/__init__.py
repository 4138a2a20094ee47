"""Triage: alarms of one cause become one classified drift event."""

from homeostat.detectors.triage.stage import TriageStage

__all__ = ["TriageStage"]
