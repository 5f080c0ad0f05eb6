"""Attribution of latents to source units: the Jacobian, and integrated gradients (Sundararajan et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikebridge.models.seq2seq.dataset import RecordingDataset, chunks
from spikebridge.models.seq2seq.translator import Translator
from spikebridge.types import Windows

N_NODES = 16
"""Of the Gauss-Legendre rule along the path from the baseline."""
Array = NDArray[np.float64]


def jacobian(translator: Translator, windows: Windows) -> Array:
    """(source unit, latent): change of a latent by one more spike per bin of a unit, mean over windows and bins.

    The Jacobian summed over time lags: mean_t sum_s d z_k(t) / d c_u(s). Smoothing does not change a constant.
    """
    dataset, std = translator.dataset(windows), translator.scaling(windows.recording)[1]
    total = sum(_slopes(translator, dataset, x).sum(dim=1).sum(dim=0) for _, x in _inputs(dataset))
    return np.asarray((total / len(windows) / std[:, None]).cpu(), dtype=np.float64)


def integrated_gradients(translator: Translator, windows: Windows, nodes: int = N_NODES) -> Array:
    """(window, source unit, latent): contribution of a unit to the mean latent, relative to a baseline.

    a_uk = sum_s x_u(s) integral_0^1 d zbar_k / d x_u(s) at (a x) da, with x the smoothed counts minus their training
    mean, zbar the mean over bins, and the training mean in every bin as baseline. Over units they add up to zbar_k(x) -
    zbar_k(0) (completeness), except for quadrature error. A linear smoothing of each unit does not change them.
    With a source constant at its mean a recurrent network can be near instability and its slope steep: nodes lie at
    a = u^3, u those of the Gauss-Legendre rule, so that they are dense near the baseline.
    Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks, ICML.
    """
    dataset = translator.dataset(windows)
    u, weight = np.polynomial.legendre.leggauss(nodes)
    u = (u + 1) / 2
    path = [(float(a), float(w)) for a, w in zip(u**3, 3 * u**2 * weight / 2, strict=True)]
    contributions = np.empty((len(windows), windows.source.shape[2], translator.params.n_latents))
    for rows, x in _inputs(dataset):
        slope = torch.stack([weight * _slopes(translator, dataset, a * x) for a, weight in path]).sum(dim=0)
        contributions[rows] = (x[..., None] * slope).sum(dim=1).cpu()
    return contributions


def _inputs(dataset: RecordingDataset) -> Iterator[tuple[slice, Tensor]]:
    for rows in chunks(len(dataset)):
        yield rows, dataset.inputs(rows)


def _slopes(translator: Translator, dataset: RecordingDataset, x: Tensor) -> Tensor:
    """(window, bin, source unit, latent): gradient of each window's mean latents at x (window, bin, unit)."""
    x = x.detach().requires_grad_()
    z = translator.encode(dataset.windows.recording, x).mean(dim=1).sum(dim=0)
    each = [torch.autograd.grad(z_k, x, retain_graph=True)[0] for z_k in z]
    return torch.stack(each, dim=3)
