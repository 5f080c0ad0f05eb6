"""A fitted translator: networks, scales and baselines, and how they predict. See `training` for how they are fitted."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spikebridge.baseline import Baseline, Baselines, LogOffset
from spikebridge.models.seq2seq.ablation import RemovedDirection
from spikebridge.models.seq2seq.dataset import RecordingDataset, chunks
from spikebridge.models.seq2seq.network import Network
from spikebridge.types import Windows

MIN_WINDOW_SPIKES = 0.02  # per window and unit, so that a unit silent in training keeps a finite log rate


class Translator:
    """An ensemble of networks with what they need around them.

    All networks start from the same linear translator; they differ in the initial weights of their recurrent part and
    in the noise of training. Rates are the mean over the networks (Hansen & Salamon 1990, IEEE PAMI 12:993). Their
    latents are mapped linearly to the axes of the first network and averaged. params: those of Seq2Seq.
    scale: "<number>.mean", "<number>.std" of the smoothed source counts of a recording, (source unit,). fits: makes
    the baselines. baselines: those of the recordings, as they are now; calibration ends with those of the whole model.
    """

    def __init__(self, params: Any, bin_s: float, device: str, fits: Baselines, baselines: dict[str, Baseline]) -> None:
        self.params = params
        self.bin_s = bin_s
        self.device = device
        self.recordings: list[str] = []
        self.scale: dict[str, Tensor] = {}
        self.fits = fits
        self.baselines = baselines
        self.maps: list[Tensor] = []  # of every network but the first: (latent + 1, latent)
        self.removed: RemovedDirection | None = None

    def build(self, units: Mapping[str, tuple[int, int]], seed: int) -> None:
        """Make untrained networks for recordings of {name: (source units, target units)}."""
        p = self.params
        self.recordings = list(units)
        with torch.random.fork_rng(devices=[]):  # module initialisers draw from the global state: give it a seed here
            torch.manual_seed(seed)
            self.networks = nn.ModuleList(
                Network(units, p.input_size, p.hidden_size, p.n_latents, p.core, p.causal) for _ in range(p.n_members)
            )
        self.networks.to(self.device)

    def members(self) -> list[Network]:
        """The networks of the ensemble."""
        return [cast(Network, network) for network in self.networks]

    def predict(self, windows: Windows, chunk: int = 1024) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents (window, bin, latent) and expected target counts (window, bin, unit)."""
        i, dataset = self.recordings.index(windows.recording), self.dataset(windows)
        self.networks.eval()
        latents, rates = [], []
        with torch.no_grad():
            for rows in chunks(len(windows), chunk) if len(windows) else [slice(0)]:
                x, log_offset = dataset.inputs(rows), dataset.log_offset(rows)
                each = self._each(windows.recording, x)
                latents.append(self._averaged(each).cpu().numpy())
                rates.append(self.rates(i, each, log_offset).cpu().numpy())
        return np.concatenate(latents), np.concatenate(rates)

    def latents(self, windows: Windows) -> NDArray[np.float32]:
        """The latents of `predict`, (window, bin, latent), without the rates."""
        dataset = self.dataset(windows)
        latents = np.empty((len(windows), windows.n_bins, self.params.n_latents), np.float32)
        self.networks.eval()
        with torch.no_grad():
            for rows in chunks(len(windows)):
                latents[rows] = self.encode(windows.recording, dataset.inputs(rows)).cpu().numpy()
        return latents

    def encode(self, recording: str, x: Tensor) -> Tensor:
        """(window, bin, latent), from inputs (window, bin, source unit) of `dataset`; differentiable."""
        return self._averaged(self._each(recording, x))

    def without(self, removed: RemovedDirection | None) -> Translator:
        """The same translator, with a direction of its latents held at its mean before they are decoded."""
        other = copy.copy(self)
        other.removed = removed
        return other

    def rates(self, i: int, latents: Sequence[Tensor], log_offset: Tensor) -> Tensor:
        """(window, bin, target unit), expected counts, mean over the networks. latents: those of each network."""
        each = [
            (network.decode(z, {i: len(z)})[0] + log_offset).exp()
            for network, z in zip(self.members(), latents, strict=True)
        ]
        return torch.stack(each).mean(dim=0)

    def dataset(self, windows: Windows, offset: LogOffset | None = None) -> RecordingDataset:
        """The windows of a known recording as the networks take them. offset: that of the fitted baseline if None."""
        i = self.recordings.index(windows.recording)
        offset = self.baselines[windows.recording].log_offset(windows) if offset is None else offset
        sigma_bins = self.params.smoothing_s / self.bin_s
        return RecordingDataset(
            windows, offset, self.scale[f"{i}.mean"], self.scale[f"{i}.std"], sigma_bins, self.device
        )

    def scaling(self, recording: str) -> tuple[Tensor, Tensor]:
        """Mean and SD (source unit,) of the smoothed training counts of a recording."""
        i = self.recordings.index(recording)
        return self.scale[f"{i}.mean"], self.scale[f"{i}.std"]

    def numbered(self, windows: Sequence[Windows]) -> list[tuple[int, Windows]]:
        """Each recording with its number in the networks."""
        return [(self.recordings.index(w.recording), w) for w in windows]

    def _each(self, recording: str, x: Tensor) -> list[Tensor]:
        """The latents of every network on its own axes."""
        i = self.recordings.index(recording)
        each = [network.encode({i: x}) for network in self.members()]
        return each if self.removed is None else self.removed(recording, each, self.maps)

    def _averaged(self, latents: Sequence[Tensor]) -> Tensor:
        """The networks' latents on the axes of the first, averaged."""
        mapped = [z @ m[:-1] + m[-1] for z, m in zip(latents[1:], self.maps, strict=True)]
        return torch.stack([latents[0], *mapped]).mean(dim=0)
