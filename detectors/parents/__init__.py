"""Parents: the layers above the leaves, added up and judged by sealed bucket."""

from homeostat.detectors.parents.stage import ParentsStage

__all__ = ["ParentsStage"]
