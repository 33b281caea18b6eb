"""How well a score tells two kinds of points apart, and how far two scores agree.

Arrays that belong together are of one length, which may be 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]

MOST_CORNERS = 201  # of a ROC curve


@dataclass(frozen=True)
class Curve:
    """A ROC curve: shares of points that score above a falling threshold.

    Attributes:
        false: Share of the points without a kink, ``(n,)``, from 0 to 1.
        true: Share of the points with one, ``(n,)``.
    """

    false: Array
    true: Array


def roc_area(score: Array, truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a true point scores above a false one.

    Equal scores count half (Mann and Whitney 1947). NaN if all points are true, or none.

    Args:
        score: ``(N,)``, no NaN.
        truth: ``(N,)``.
    """
    positive_count = int(truth.sum())
    negative_count = len(truth) - positive_count
    if not positive_count or not negative_count:
        return math.nan
    ranks = rankdata(score)[truth].sum() - positive_count * (positive_count + 1) / 2
    return float(ranks / (positive_count * negative_count))


def roc_curve(score: Array, truth: NDArray[np.bool_]) -> Curve:
    """Return the ROC curve, thinned to at most :data:`MOST_CORNERS` points.

    Args:
        score: ``(N,)``, no NaN.
        truth: ``(N,)``, neither all true nor none.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of each run of equal scores
    true = np.cumsum(truth[order])[last] / truth.sum()
    false = np.cumsum(~truth[order])[last] / (~truth).sum()
    true, false = np.append(0.0, true), np.append(0.0, false)
    if len(true) > MOST_CORNERS:  # even along the curve, which climbs before it goes right
        length = true + false
        at = np.searchsorted(length, np.linspace(0, 2, MOST_CORNERS)).clip(max=len(true) - 1)
        at = np.unique(np.append(0, at))
        true, false = true[at], false[at]
    return Curve(false, true)


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's rank correlation of two ``(N,)``; NaN if either is the same everywhere.

    So it is of fewer than two points, and where a number is NaN.
    """
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
