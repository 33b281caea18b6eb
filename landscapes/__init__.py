"""Objectives: functions of the plane, smooth and not, and small networks on data."""

from landscapes.base import DifferentiableObjective, Landscape, Objective, Point, Prox
from landscapes.catalogue import CATALOGUE, get, register
from landscapes.convnet import ConvNet
from landscapes.datasets import DataError, Dataset, DataSpec, load
from landscapes.formula import Formula, FormulaError, free_names
from landscapes.from_formula import landscape_from_formula
from landscapes.kinks import real_kinks
from landscapes.losses import Loss
from landscapes.network_loss import NetworkLoss
from landscapes.networks import MLP, Network
from landscapes.own import is_own, own_landscape, own_name, parse_own
from landscapes.planes import Plane, PlaneLoss, line_plane, pca_plane, random_plane
from landscapes.presets import PRESETS, Preset, preset
from landscapes.training_problem import Batch, TrainingProblem

__all__ = [
    "CATALOGUE",
    "MLP",
    "PRESETS",
    "Batch",
    "ConvNet",
    "DataError",
    "DataSpec",
    "Dataset",
    "DifferentiableObjective",
    "Formula",
    "FormulaError",
    "Landscape",
    "Loss",
    "Network",
    "NetworkLoss",
    "Objective",
    "Plane",
    "PlaneLoss",
    "Point",
    "Preset",
    "Prox",
    "TrainingProblem",
    "free_names",
    "get",
    "is_own",
    "landscape_from_formula",
    "line_plane",
    "load",
    "own_landscape",
    "own_name",
    "parse_own",
    "pca_plane",
    "preset",
    "random_plane",
    "real_kinks",
    "register",
]
