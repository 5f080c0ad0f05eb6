"""Windows as the network meets them: read a batch at a time, smoothed, scaled, and with what the baseline says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikebridge.models.parts.baseline import LogGain
from spikebridge.types import Windows

CHUNK = 32  # windows that are looked at together where the order does not matter
BLOCK = 64  # bins that are smoothed together
LEAST_ROWS = 16  # of a recording in a batch, so that many recordings do not make many small products
Rows = NDArray[np.int64] | slice


@dataclass(frozen=True)
class Piece:
    """Windows of one recording. x: (window, bin, source unit), input. y: (window, bin, target unit), counts.

    known: as y, log gain of the baseline.
    """

    x: Tensor
    y: Tensor
    known: Tensor


@dataclass(frozen=True)
class Stream:
    """The windows of one recording, and how they are turned into pieces. mean, std: (source unit,), of smoothed counts.

    gain: of the baseline in these windows.
    """

    windows: Windows
    gain: LogGain
    mean: Tensor
    std: Tensor
    sigma_bins: float
    device: str

    def __len__(self) -> int:
        return len(self.windows)

    def piece(self, rows: Rows) -> Piece:
        return Piece(self.inputs(rows), floats(self.windows.target[rows], self.device), self.known(rows))

    def inputs(self, rows: Rows) -> Tensor:
        return scaled(self.windows.source[rows], self.mean, self.std, self.sigma_bins, self.device)

    def known(self, rows: Rows) -> Tensor:
        return torch.from_numpy(self.gain.log(rows)).to(self.device)

    def pieces(self, chunk: int = CHUNK) -> Iterator[Piece]:
        """All windows, in order."""
        for rows in chunks(len(self), chunk):
            yield self.piece(rows)


def chunks(n: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that together are all of n rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def floats(counts: NDArray[Any], device: str) -> Tensor:
    return torch.from_numpy(counts.astype(np.float32)).to(device)


def scaled(counts: NDArray[Any], mean: Tensor, std: Tensor, sigma_bins: float, device: str) -> Tensor:
    """Counts as they enter the network: half a kernel's width of noise less, and on one scale."""
    return smooth(floats(counts, device), sigma_bins).sub_(mean).div_(std)


def smooth(x: Tensor, sigma_bins: float) -> Tensor:
    """(window, bin, unit), convolved with a Gaussian along the bins; the first and last bin go on for ever.

    What scipy.ndimage.gaussian_filter1d(mode="nearest") makes of it, as products of blocks of bins with a band matrix.
    """
    bins, block = x.shape[1], min(BLOCK, x.shape[1])
    band = _band(sigma_bins, block).to(x.device, x.dtype)
    reach = (band.shape[1] - block) // 2
    wide = torch.cat([x[:, :1].expand(-1, reach, -1), x, x[:, -1:].expand(-1, reach, -1)], dim=1)
    out = torch.empty_like(x)
    for start in range(0, bins, block):
        n = min(block, bins - start)
        out[:, start : start + n] = torch.matmul(band[:n, : n + 2 * reach], wide[:, start : start + n + 2 * reach])
    return out


@lru_cache(maxsize=16)
def _band(sigma_bins: float, block: int) -> Tensor:
    """(bin, bin + 2 * reach), a Gaussian in every row."""
    reach = int(4 * sigma_bins + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.double) / sigma_bins) ** 2)
    band = torch.zeros(block, block + 2 * reach, dtype=torch.double)
    for row in range(block):
        band[row, row : row + 2 * reach + 1] = kernel / kernel.sum()
    return band


def batches(sizes: Mapping[int, int], batch: int, generator: torch.Generator) -> list[dict[int, NDArray[np.int64]]]:
    """One epoch: per step the rows of each recording that takes part; every window once, about `batch` in a step.

    sizes: windows of each recording. With few recordings each has its share in every step; with many they take turns,
    so that a step costs no more the more recordings there are.
    """
    steps = max(1, round(sum(sizes.values()) / batch))
    together = max(1, batch // LEAST_ROWS)
    every = list(sizes)
    parts = steps
    if len(sizes) > together:
        every = [every[k] for k in torch.randperm(len(every), generator=generator).tolist()]
        parts = max(1, round(steps * together / len(sizes)))
    drawn: list[dict[int, NDArray[np.int64]]] = [{} for _ in range(steps)]
    for turn, i in enumerate(every):
        for part, rows in enumerate(torch.randperm(sizes[i], generator=generator).tensor_split(parts)):
            if len(rows):
                drawn[(turn * parts + part) % steps][i] = rows.numpy()
    return [step for step in drawn if step]
