"""Maps side by side: the browser component on which the probes are seen."""

from pages.shared.maps.maps import Line, Pane, maps

__all__ = ["Line", "Pane", "maps"]
