"""The stage: the browser component on which a race is seen."""

from pages.shared.stage.stage import Point, serve_assets, stage

__all__ = ["Point", "serve_assets", "stage"]
