"""Charts: the browser component on which ordinary figures are seen."""

from pages.shared.charts.charts import chart

__all__ = ["chart"]
