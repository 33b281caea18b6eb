"""The stage: the browser component on which a race is seen."""

from pages.shared.stage.stage import Point, stage

__all__ = ["Point", "stage"]
