"""CEBRA-Time embeddings of source counts, and a logistic regression on them; one per recording.

Schneider, Lee & Mathis 2023, Nature 617:360: an embedding in which consecutive bins are close, trained with a
contrastive loss without labels or behaviour. Network, loss, length of training, learning rate and size are those of the
package by default; pairs are drawn here, so that no pair spans two windows and the result depends only on the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import gaussian_filter1d

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.decoder import Array, Arrays, FeatureDecoder
from spikebridge.models.parts.features import segment_means
from spikebridge.models.parts.libraries import TORCH
from spikebridge.models.parts.regressors import MAX_S
from spikebridge.models.parts.saved_arrays import Expected, float64_arrays, module_arrays, shapes_only, with_prefix
from spikebridge.types import Windows

ARCHITECTURE = "offset1-model"  # its input is one bin, so an embedding does not depend on neighbouring bins
NETWORK = "network."


class Cebra(FeatureDecoder):
    """Embedding z(t) on the unit sphere of smoothed counts at t; decisions from its means over parts of the window.

    The embedding is fitted to every training window, labelled or not; the logistic regression to the labelled ones.
    """

    name = "cebra"
    extra = "cebra"
    libraries = (*TORCH, *FeatureDecoder.libraries)

    class Params(FeatureDecoder.Params):
        n_latents: int = Field(8, ge=2, description="dimension of the embedding")
        hidden_size: int = Field(32, ge=2)
        smoothing_s: float = Field(0.1, gt=0, le=MAX_S, description="SD of the Gaussian kernel on the counts")
        time_offset_s: float = Field(0.1, gt=0, description="between the two bins of a positive pair")
        temperature: float = Field(1.0, gt=0)
        max_iterations: int = Field(10_000, ge=1, description="steps of Adam")
        batch_size: int = Field(512, ge=2, description="bins")
        learning_rate: float = Field(3.0e-4, gt=0, description="of Adam")
        n_segments: int = Field(1, ge=1)
        penalty: float = Field(30.0, gt=0, description="on the squared weights of standardised features")

    while_tuning = {"max_iterations": 1000}
    space = {
        "n_latents": ("categorical", 4, 8, 16),
        "smoothing_s": ("log", 0.03, 0.3),
        "time_offset_s": ("categorical", 0.05, 0.1, 0.2, 0.4),
        "n_segments": ("categorical", 1, 2, 4),
        "penalty": ("log", 0.3, 3000.0),
    }

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self._embeddings = {w.recording: self._fit_embedding(w, int(rng.integers(2**31))) for w in train}
        super()._fit(train, valid, rng, on_epoch)

    def prepare(self, w: Windows) -> dict[str, NDArray[Any]]:
        return self._embeddings[w.recording]

    def features(self, w: Windows, prepared: Arrays) -> Array:
        z = self._embedded(w, prepared)
        return segment_means(z, self.params.n_segments).astype(np.float64)  # type: ignore[attr-defined]

    def _embedded(self, w: Windows, prepared: Arrays) -> NDArray[np.float32]:
        import torch

        network = self._network(w.source.shape[2], prepared)
        with torch.no_grad():
            z = network(torch.from_numpy(self._inputs(w, prepared)).to(self.device).flatten(0, 1)[:, :, None])
        return np.asarray(z.cpu().numpy().reshape(*w.source.shape[:2], -1))

    def _fit_embedding(self, w: Windows, seed: int) -> dict[str, NDArray[Any]]:
        """Arrays of the scale of the counts (unit,) and of the network, fitted to windows."""
        import torch
        from cebra.models.criterions import FixedCosineInfoNCE

        p: Any = self.params
        smooth = self._smooth(w)
        scale = {"source_mean": smooth.mean(axis=(0, 1)), "source_sd": np.maximum(smooth.std(axis=(0, 1)), 1e-3)}
        with torch.random.fork_rng(devices=[]):  # module initialisers draw from the global state: give it a seed here
            torch.manual_seed(seed)
            network = self._network(w.source.shape[2])
        x = torch.from_numpy(self._inputs(w, scale)).to(self.device)
        windows, bins = x.shape[:2]
        offset = min(max(1, round(p.time_offset_s / w.bin_s)), bins - 1)
        loss = FixedCosineInfoNCE(temperature=p.temperature).to(self.device)
        adam = torch.optim.Adam(network.parameters(), lr=p.learning_rate)
        generator = torch.Generator().manual_seed(seed)

        def drawn(n: int) -> Any:
            return torch.randint(n, (p.batch_size,), generator=generator)

        for _ in range(p.max_iterations if windows else 0):
            rows, at = drawn(windows), drawn(bins - offset)
            each = x[torch.cat([rows, rows, drawn(windows)]), torch.cat([at, at + offset, drawn(bins)])]
            value, *_ = loss(*network(each[:, :, None]).split(p.batch_size))  # bins, those near to them, any
            adam.zero_grad()
            value.backward()
            adam.step()
        return scale | {NETWORK + k: v.cpu().numpy() for k, v in network.state_dict().items()}

    def _prepared(self, path: Path, arrays: Arrays, n_source: int) -> tuple[Expected, int]:
        import cebra.models

        p: Any = self.params
        with shapes_only(path):
            network = module_arrays(cebra.models.init(ARCHITECTURE, n_source, p.hidden_size, p.n_latents), NETWORK)
        scale = float64_arrays(source_mean=(n_source,), source_sd=(n_source,))
        return scale | network, min(p.n_segments, self.n_bins) * p.n_latents

    def _network(self, units: int, prepared: Arrays | None = None) -> Any:
        """The network of the package; with the weights of `prepared` where given."""
        import cebra.models
        import torch

        p: Any = self.params
        network = cebra.models.init(ARCHITECTURE, units, p.hidden_size, p.n_latents)
        if prepared is not None:
            weights = with_prefix(prepared, NETWORK)
            network.load_state_dict({name: torch.from_numpy(a) for name, a in weights.items()})
        return network.to(self.device)

    def _smooth(self, w: Windows) -> NDArray[np.float64]:
        sigma = self.params.smoothing_s / w.bin_s  # type: ignore[attr-defined]
        return np.asarray(gaussian_filter1d(w.source.astype(np.float64), sigma, axis=1, mode="nearest"))

    def _inputs(self, w: Windows, scale: Arrays) -> NDArray[np.float32]:
        """(window, bin, unit), smoothed counts on one scale."""
        return ((self._smooth(w) - scale["source_mean"]) / scale["source_sd"]).astype(np.float32)
