"""Training a network, as a problem: its data, minibatches, loss and gradient for many models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscapes.checks import check_amount, check_whole
from landscapes.data.datasets import Dataset, SplitName
from landscapes.nets.losses import Loss
from landscapes.nets.minibatches import Batch, Minibatches, noisy_labels
from landscapes.nets.network_loss import NetworkLoss
from landscapes.nets.networks import Network

BLOCK_NUMBERS = 1 << 20  # activations that an evaluation may hold at a time


class TrainingProblem:
    """A network, a loss and data, for ``S`` seeds at once.

    A seed has its own start, its own order of the examples, its own flipped labels and its own
    noise on the inputs; all of these are functions of the seed (and the step) alone, not of what
    other seeds there are. An epoch is a permutation of the training examples cut into batches; what
    is left over after the last whole batch sits out that epoch. A batch as large as the training
    set is the whole set, in order.

    Its methods are called at every step and check nothing: parameters are ``(S, M, P)`` of the
    problem's dtype, a batch is what :meth:`minibatch` returned. A model that is not finite changes
    no other's loss or gradient.

    Args:
        network: Its inputs and outputs must fit the data.
        data: What :func:`landscapes.data.loading.load` returned.
        seeds: One whole number of at least 0 for each seed; at least one.
        loss: Of the outputs.
        batch_size: 1 to the number of training examples; None: all.
        label_noise: Share of the training labels that are replaced, once for each seed, by another
            class drawn uniformly. For a regression: the standard deviation of normal noise on them,
            finite and at least 0.
        input_noise: Standard deviation of normal noise on the standardised inputs of a minibatch,
            drawn anew each time an example is seen; finite and at least 0.
        l1: Weight of ``|params|_1`` in the objective, finite and at least 0; proximal rules take it
            as their proximal map.
        dtype: Of everything; a floating one.

    Raises:
        ValueError: If an argument is out of its range or does not fit another.
    """

    def __init__(
        self,
        network: Network,
        data: Dataset,
        seeds: Sequence[int],
        *,
        loss: Loss | None = None,
        batch_size: int | None = None,
        label_noise: float = 0.0,
        input_noise: float = 0.0,
        l1: float = 0.0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self.network, self.data, self.seeds = network, data, tuple(seeds)
        self.loss = loss or Loss("cross-entropy" if data.classes else "squared")
        examples = len(data.train)
        self.batch_size = examples if batch_size is None else batch_size
        self.label_noise, self.input_noise = label_noise, input_noise
        self.l1, self.dtype = l1, dtype
        self._check()
        self.steps_per_epoch = examples // self.batch_size
        self._splits: dict[str, Batch] = {}

    def _check(self) -> None:
        net, data = self.network, self.data
        if not self.seeds:
            raise ValueError("no seeds: give at least one")
        for seed in self.seeds:
            check_whole("seed", seed)
        if not self.dtype.is_floating_point:
            raise ValueError(f"Invalid dtype: {self.dtype}, must be float32 or float64")
        if np.prod(net.input_shape) != np.prod(data.input_shape):
            raise ValueError(
                f"the network takes inputs of shape {net.input_shape}, "
                f"but {data.name} has inputs of shape {data.input_shape}"
            )
        if net.num_outputs != data.num_outputs:
            raise ValueError(
                f"the network has {net.num_outputs} outputs, "
                f"but {data.name} needs {data.num_outputs}"
            )
        if self.loss.kind == "cross-entropy" and not data.classes:
            raise ValueError(f"{data.name} has no classes: use the squared loss")
        if not isinstance(self.batch_size, Integral) or not 1 <= self.batch_size <= len(data.train):
            raise ValueError(
                f"Invalid batch_size: {self.batch_size}, must lie between 1 and the "
                f"{len(data.train)} training examples of {data.name}"
            )
        if data.classes and not 0 <= self.label_noise <= 1:
            raise ValueError(f"Invalid label_noise: {self.label_noise}, must lie between 0 and 1")
        for name in ("label_noise", "input_noise", "l1"):
            check_amount(name, getattr(self, name))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Lengths of the parameter tensors inside the flat vector, in order."""
        return self.network.sizes

    @property
    def num_parameters(self) -> int:
        """Number P of parameters."""
        return self.network.num_parameters

    def init(self) -> Tensor:
        """Return one start for each seed, ``(S, P)``."""
        return torch.stack([self.network.init(seed) for seed in self.seeds]).to(self.dtype)

    @cached_property
    def _minibatches(self) -> Minibatches:
        data, noise = self.data, self.label_noise
        noisy = [noisy_labels(data.train.targets, len(data.classes), noise, s) for s in self.seeds]
        return Minibatches(
            torch.from_numpy(data.train.inputs).to(self.dtype),
            self._encode(np.stack(noisy)),
            self.seeds,
            self.batch_size,
            self.input_noise,
        )

    def _encode(self, targets: Any) -> Tensor:
        return self.loss.encode(torch.from_numpy(targets), self.network.num_outputs, self.dtype)

    def minibatch(self, step: int) -> Batch:
        """Return the examples of a step (from 0) for every seed, ``(S, B, *input)``."""
        return self._minibatches.at(step)

    def value(self, params: Tensor, batch: Batch) -> Tensor:
        """Return the objective of each model, ``(S, M)``, for parameters ``(S, M, P)``."""
        value = self.loss.value(self.network.outputs(params, batch.inputs), batch.targets)
        return value.add_(self.l1_norm(params)) if self.l1 else value

    def value_and_grad(self, params: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the objective, ``(S, M)``, and a generalised gradient, ``(S, M, P)``."""
        value, grad = self.smooth_value_and_grad(params, batch)
        if self.l1:
            value.add_(self.l1_norm(params))
            grad.add_(torch.sign(params), alpha=self.l1)
        return value, grad

    def smooth_value_and_grad(self, params: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss without the l1 term, ``(S, M)``, and its gradient, ``(S, M, P)``."""
        outputs, tape = self.network.forward(params, batch.inputs)
        value, slope = self.loss.value_and_grad(outputs, batch.targets)
        return value, self.network.backward(tape, slope)

    def l1_norm(self, params: Tensor) -> Tensor:
        """Return ``l1 * |params|_1``, ``(S, M)``."""
        return torch.linalg.vector_norm(params, 1, -1).mul_(self.l1)

    def objective(self, split: SplitName = "train", examples: int | None = None) -> NetworkLoss:
        """Return the objective over a split (the first so many examples), labels as they are.

        Raises:
            ValueError: If there is no such split, or no example in it.
        """
        if examples is not None:
            check_whole("examples", examples, least=1)
        part = self.data.split(split)
        inputs, targets = (torch.from_numpy(t[:examples]) for t in (part.inputs, part.targets))
        return NetworkLoss(self.network, inputs, targets, self.loss, self.l1)

    def evaluate(self, params: Tensor, split: SplitName) -> dict[str, Tensor]:
        """Measure models on a whole split, with its labels as they are.

        Returns:
            ``loss`` (without the l1 term) and, where there are classes, ``accuracy``; ``(S, M)``
            each, in the parameters' dtype; where a model is not finite, NaN or infinite.

        Raises:
            ValueError: If there is no such split, or it has no examples.
        """
        inputs, targets = self._whole(split)
        outputs = self._outputs(params, inputs)
        found = {"loss": self.loss.value(outputs, targets)}
        if self.data.classes:
            found["accuracy"] = self.loss.correct(outputs, targets).to(params.dtype).mean(-1)
        return found

    def _whole(self, split: SplitName) -> Batch:
        if split not in self._splits:
            part = self.data.split(split)
            if not len(part):
                raise ValueError(f"{self.data.name} has no examples for {split}")
            inputs = torch.from_numpy(part.inputs).to(self.dtype)
            targets = self._encode(part.targets)
            seeds = len(self.seeds)
            self._splits[split] = Batch(
                inputs.expand(seeds, *inputs.shape), targets.expand(seeds, -1)
            )
        return self._splits[split]

    def _outputs(self, params: Tensor, inputs: Tensor) -> Tensor:
        """The outputs for many examples, some at a time."""
        lanes = params.shape[0] * params.shape[1]
        block = max(1, BLOCK_NUMBERS // (lanes * max(16, self.network.units)))
        parts = [self.network.outputs(params, part) for part in inputs.split(block, 1)]
        return torch.cat(parts, 2)

    def unit_signs(self, params: Tensor, batch: Batch) -> Tensor:
        """Return on which side of its kinks each unit is, bool ``(S, M, B, units)``."""
        return self.network.unit_signs(params, batch.inputs)
