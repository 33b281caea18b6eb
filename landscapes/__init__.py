"""Functions of the plane, smooth and not, and what is known about them."""

from landscapes.base import DifferentiableObjective, Landscape, Objective, Point, Prox
from landscapes.catalogue import CATALOGUE, get
from landscapes.formula import Formula, FormulaError, free_names
from landscapes.from_formula import landscape_from_formula
from landscapes.kinks import real_kinks

__all__ = [
    "CATALOGUE",
    "DifferentiableObjective",
    "Formula",
    "FormulaError",
    "Landscape",
    "Objective",
    "Point",
    "Prox",
    "free_names",
    "get",
    "landscape_from_formula",
    "real_kinks",
]
