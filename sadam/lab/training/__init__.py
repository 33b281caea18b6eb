"""Networks trained side by side: spec, run, numbers and words, files."""

from sadam.lab.training.run import (
    TrainingProgress,
    TrainingResult,
    iter_training,
    load_data,
    run_training,
)
from sadam.lab.training.spec import Architecture, DataSpec, Training

__all__ = [
    "Architecture",
    "DataSpec",
    "Training",
    "TrainingProgress",
    "TrainingResult",
    "iter_training",
    "load_data",
    "run_training",
]
