"""The dimensions of a translation: axes of the latents that do not depend on the axes of the network.

Latents are known up to a linear map, so that one latent alone means nothing. A mode does: the latents of the training
windows are whitened, and turned to the principal axes of the log rates that they predict. With z the latents around
their mean, S their covariance and B the least-squares map from z to the log rates (over the baseline) of all target
units, the modes are the eigenvectors v_k of S^1/2 B B' S^1/2: component c_k = z . S^-1/2 v_k, of unit variance and
uncorrelated with the others, and z = sum_k c_k S^1/2 v_k. Mode k predicts the share of variance of the log rates that
is its eigenvalue's (reduced-rank regression, Izenman 1975, J Multivar Anal 5:248, in the latents).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_WINDOWS = 200
"""Training windows of a recording that modes and levels are taken from, evenly spaced."""
MIN_VARIANCE = 1e-9
"""Of a direction of the latents, relative to the largest: below it a direction carries nothing."""


@dataclass(frozen=True)
class Modes:
    """weight, direction: (latent, mode); weight.T @ direction = 1. share: (mode,), of the variance of predicted log
    rates, the largest first. mean: recording -> (latent,). readout: recording -> (mode, target unit), change of the log
    rate by one SD of the mode.
    """

    weight: Array
    direction: Array
    share: Array
    mean: dict[str, Array]
    readout: dict[str, Array]

    def __len__(self) -> int:
        return len(self.share)

    def n_shared(self, least: float) -> int:
        """The smallest number of modes that hold this share of the variance."""
        return min(int(np.searchsorted(np.cumsum(self.share), least)) + 1, len(self))


def modes_of(parts: dict[str, tuple[Array, Array]]) -> Modes:
    """The modes from recording -> latents (time, latent) and predicted log rates (time, target unit)."""
    mean = {name: z.mean(axis=0) for name, (z, _) in parts.items()}
    centred = {name: z - mean[name] for name, (z, _) in parts.items()}
    n = sum(len(z) for z in centred.values())
    variance, axes = np.linalg.eigh(np.sum([z.T @ z for z in centred.values()], axis=0) / n)
    kept = variance > MIN_VARIANCE * max(float(variance.max(initial=0.0)), np.finfo(float).tiny)
    white, colour = axes[:, kept] / np.sqrt(variance[kept]), axes[:, kept] * np.sqrt(variance[kept])
    maps, power = {}, np.zeros((int(kept.sum()), int(kept.sum())))
    for name, (_, log_rates) in parts.items():
        x = centred[name] @ white
        maps[name] = np.linalg.lstsq(x, log_rates - log_rates.mean(axis=0), rcond=None)[0]
        power += len(x) / n * maps[name] @ maps[name].T
    size, turn = np.linalg.eigh(power)
    size, turn = np.maximum(size[::-1], 0.0), turn[:, ::-1]
    share = size / max(float(size.sum()), np.finfo(float).tiny)
    return Modes(white @ turn, colour @ turn, share, mean, {name: turn.T @ b for name, b in maps.items()})
