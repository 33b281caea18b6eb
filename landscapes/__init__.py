"""Objectives: functions of the plane, smooth and not, and small networks on data."""

from landscapes.base import DifferentiableObjective, Landscape, Objective, Point, Prox, is_own
from landscapes.catalogue import CATALOGUE, get, register
from landscapes.data.datasets import DataError, Dataset, DataSpec
from landscapes.data.loading import load
from landscapes.formula import Formula, FormulaError, free_names
from landscapes.from_formula import landscape_from_formula
from landscapes.kinks import real_kinks
from landscapes.nets.convnet import ConvNet
from landscapes.nets.losses import Loss
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import MLP, Network
from landscapes.nets.planes import Plane, PlaneLoss, line_plane, pca_plane, random_plane
from landscapes.nets.presets import PRESETS, Preset, preset
from landscapes.nets.training_problem import Batch, TrainingProblem
from landscapes.own import own_landscape, own_name, parse_own

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
