"""A deep neural network on source counts: one multi-layer perceptron per recording, fitted by `fit_network`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from spikebridge.models import base
from spikebridge.models.base import Model, OnEpoch
from spikebridge.models.parts.features import segment_sums
from spikebridge.models.parts.libraries import TORCH
from spikebridge.models.parts.loop import Schedule, fit_network
from spikebridge.models.parts.saved_arrays import check_positive, load_arrays, module_arrays, save_arrays, shapes_only
from spikebridge.types import Predictions, Windows


class Dnn(Model):
    """Two hidden layers with dropout on the square roots of counts in `segments` consecutive parts of the window."""

    name = "dnn"
    libraries = TORCH

    class Params(base.Params):
        n_segments: int = Field(4, ge=1)
        hidden_size: int = Field(64, ge=1)
        dropout: float = Field(0.3, ge=0, lt=1)
        learning_rate: float = Field(3.0e-3, gt=0)
        weight_decay: float = Field(0.01, ge=0)
        max_epochs: int = Field(30, ge=1)
        batch_size: int = Field(32, ge=1, description="trials")

    space = {
        "n_segments": ("categorical", 1, 2, 4, 8),
        "dropout": ("float", 0.1, 0.6),
        "learning_rate": ("log", 5.0e-4, 1.0e-2),
        "weight_decay": ("log", 1.0e-3, 1.0),
        "max_epochs": ("categorical", 15, 30, 60),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        p: Any = self.params
        self.networks: dict[str, nn.Module] = {}
        curves: list[list[float]] = []
        for w in train:
            w = w.select(w.labelled)
            curve: list[float] = []
            self.networks[w.recording] = self._fit_recording(w, rng, curve)
            curves.append(curve)
        for epoch in range(p.max_epochs):  # one curve: recordings count equally
            losses = [c[epoch] for c in curves if len(c) > epoch]
            if losses:
                on_epoch({"epoch": float(epoch), "train_loss": float(np.mean(losses))})

    def _fit_recording(self, w: Windows, rng: np.random.Generator, curve: list[float]) -> nn.Module:
        p: Any = self.params
        x = torch.from_numpy(self._features(w))
        y = torch.from_numpy(w.label)
        network = self._build(x.shape[1], int(rng.integers(2**31)))
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        if len(x) == 0:
            return network
        mean, std = x.mean(dim=0), x.std(dim=0, unbiased=False)
        network.mean.copy_(mean)
        network.std.copy_(std.clamp(min=1e-3))
        network.to(self.device)
        x, y = x.to(self.device), y.to(self.device)
        steps = max(1, round(len(x) / p.batch_size))

        def batches() -> Iterator[Tensor]:
            yield from torch.randperm(len(x), generator=generator).tensor_split(steps)

        def loss(rows: Any) -> Tensor:
            return nn.functional.cross_entropy(network(x[rows], p.dropout, generator), y[rows])

        schedule = Schedule(p.max_epochs, p.learning_rate, p.weight_decay, patience=p.max_epochs)
        fit_network(network, batches, steps, loss, None, schedule, lambda row: curve.append(row["train_loss"]))
        return network

    def _predict(self, windows: Windows) -> Predictions:
        network = self.networks[self.check_recording(windows.recording)]
        with torch.no_grad():
            logits = network(torch.from_numpy(self._features(windows)).to(self.device))
        return Predictions(probabilities=logits.double().softmax(dim=1).cpu().numpy())

    def _features(self, w: Windows) -> NDArray[np.float32]:
        return np.sqrt(segment_sums(w.source, self.params.n_segments))  # type: ignore[attr-defined]

    def _build(self, inputs: int, seed: int) -> Perceptron:
        with torch.random.fork_rng(devices=[]):  # module initialisers draw from the global state: give it a seed here
            torch.manual_seed(seed)
            return Perceptron(inputs, self.params.hidden_size, len(self.classes))  # type: ignore[attr-defined]

    def _save(self, folder: Path) -> None:
        for i, name in enumerate(self.units):
            weights = {k: v.cpu().numpy() for k, v in self.networks[name].state_dict().items()}
            save_arrays(folder / f"{i}.safetensors", weights)

    def _load(self, folder: Path) -> None:
        p: Any = self.params
        self.networks = {}
        for i, (name, units) in enumerate(self.units.items()):
            path, inputs = folder / f"{i}.safetensors", min(p.n_segments, self.n_bins) * len(units["source_units"])
            with shapes_only(path):
                expected = module_arrays(Perceptron(inputs, p.hidden_size, len(self.classes)))
            weights = load_arrays(path, expected)
            check_positive(path, weights, "std")
            network = self._build(inputs, seed=0)
            network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
            self.networks[name] = network.to(self.device).eval()


class Perceptron(nn.Module):
    """(trial, feature) -> (trial, class), logits. Scales its input by the training trials' mean and SD."""

    mean: Tensor
    std: Tensor

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.layers = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)])
        self.last = nn.Linear(hidden, classes)

    def forward(self, x: Tensor, dropout: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        x = (x - self.mean) / self.std
        for layer in self.layers:
            x = torch.relu(layer(x))
            if dropout > 0:
                keep = torch.rand(x.shape, generator=generator).to(x.device) >= dropout
                x = x * keep / (1 - dropout)
        out: Tensor = self.last(x)
        return out
