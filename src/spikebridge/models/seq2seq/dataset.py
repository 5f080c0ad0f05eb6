"""The windows of a recording as a data set: read one batch at a time, smoothed, scaled, with the baseline as offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikebridge.baseline import LogOffset
from spikebridge.types import Windows

CHUNK = 32  # windows that are computed together where the order does not matter
BLOCK = 64  # bins that are smoothed together
MIN_ROWS = 16  # of a recording in a batch, so that many recordings do not make many small products
Rows = NDArray[np.int64] | slice


@dataclass(frozen=True)
class Batch:
    """Windows of one recording.

    x: (window, bin, source unit), input. y: (window, bin, target unit), counts. log_offset: as y, log of the baseline
    relative to the mean rate.
    """

    x: Tensor
    y: Tensor
    log_offset: Tensor

    def select(self, keep: NDArray[np.bool_]) -> Batch:
        """Some of the windows."""
        rows = torch.from_numpy(np.flatnonzero(keep)).to(self.x.device)
        return Batch(self.x[rows], self.y[rows], self.log_offset[rows])


@dataclass(frozen=True)
class RecordingDataset:
    """The windows of one recording, and how they are turned into batches.

    offset: of the baseline in these windows. mean, std: (source unit,), of smoothed counts. sigma_bins: SD of the
    Gaussian kernel on the source. kept: all windows as a batch, if they are kept in memory.
    """

    windows: Windows
    offset: LogOffset
    mean: Tensor
    std: Tensor
    sigma_bins: float
    device: str
    kept: Batch | None = None

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def n_bytes(self) -> int:
        """Of all windows as a batch."""
        source, target = (counts.size for counts in (self.windows.source, self.windows.target))
        return 4 * (source + 2 * target)

    def in_memory(self) -> RecordingDataset:
        """The same windows, computed once."""
        return replace(self, kept=self.batch(slice(None)))

    def batch(self, rows: Rows) -> Batch:
        if self.kept is None:
            return Batch(self.inputs(rows), to_float(self.windows.target[rows], self.device), self.log_offset(rows))
        return Batch(*(_rows_of(values, rows) for values in (self.kept.x, self.kept.y, self.kept.log_offset)))

    def inputs(self, rows: Rows) -> Tensor:
        if self.kept is not None:
            return _rows_of(self.kept.x, rows)
        return smoothed_and_scaled(self.windows.source[rows], self.mean, self.std, self.sigma_bins, self.device)

    def log_offset(self, rows: Rows) -> Tensor:
        return torch.from_numpy(self.offset.array(rows)).to(self.device)

    def select(self, rows: NDArray[np.int64]) -> RecordingDataset:
        """Some of the windows."""
        kept = None if self.kept is None else self.batch(rows)
        return replace(self, windows=self.windows.select(rows), offset=self.offset.select(rows), kept=kept)

    def batches(self, size: int = CHUNK) -> Iterator[Batch]:
        """All windows, in order."""
        for rows in chunks(len(self), size):
            yield self.batch(rows)


def in_memory(datasets: Mapping[int, RecordingDataset], max_bytes: int) -> dict[int, RecordingDataset]:
    """The data sets, computed once in their order for as long as `max_bytes` suffice; the others from their counts."""
    out = {}
    for i, dataset in datasets.items():
        fits = dataset.n_bytes <= max_bytes
        max_bytes -= dataset.n_bytes if fits else 0
        out[i] = dataset.in_memory() if fits else dataset
    return out


def _rows_of(values: Tensor, rows: Rows) -> Tensor:
    return values[rows] if isinstance(rows, slice) else values.index_select(0, torch.from_numpy(rows).to(values.device))


def chunks(n: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that together are all of n rows."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))


def to_float(counts: NDArray[Any], device: str) -> Tensor:
    return torch.from_numpy(counts.astype(np.float32)).to(device)


def smoothed_and_scaled(counts: NDArray[Any], mean: Tensor, std: Tensor, sigma_bins: float, device: str) -> Tensor:
    """Counts (window, bin, unit) as the network takes them: smoothed by a Gaussian, minus the mean, over the SD."""
    return smooth(to_float(counts, device), sigma_bins).sub_(mean).div_(std)


def smooth(x: Tensor, sigma_bins: float) -> Tensor:
    """(window, bin, unit), convolved with a Gaussian along the bins; the first and last bin are repeated at the edges.

    Equals scipy.ndimage.gaussian_filter1d(mode="nearest"), which does not run on a GPU, as products of blocks of bins
    with a band matrix.
    """
    bins, block = x.shape[1], min(BLOCK, x.shape[1])
    band = _band(sigma_bins, block).to(x.device, x.dtype)
    half_width = (band.shape[1] - block) // 2
    wide = torch.cat([x[:, :1].expand(-1, half_width, -1), x, x[:, -1:].expand(-1, half_width, -1)], dim=1)
    out = torch.empty_like(x)
    for start in range(0, bins, block):
        n = min(block, bins - start)
        rows = wide[:, start : start + n + 2 * half_width]
        out[:, start : start + n] = torch.matmul(band[:n, : n + 2 * half_width], rows)
    return out


@lru_cache(maxsize=16)
def _band(sigma_bins: float, block: int) -> Tensor:
    """(bin, bin + 2 * half_width), a Gaussian in every row."""
    half_width = int(4 * sigma_bins + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-half_width, half_width + 1, dtype=torch.double) / sigma_bins) ** 2)
    band = torch.zeros(block, block + 2 * half_width, dtype=torch.double)
    for row in range(block):
        band[row, row : row + 2 * half_width + 1] = kernel / kernel.sum()
    return band


def epoch_rows(
    sizes: Mapping[int, int], batch_size: int, generator: torch.Generator
) -> list[dict[int, NDArray[np.int64]]]:
    """One epoch: per step the rows of each recording that takes part; every window once, about `batch_size` in a step.

    sizes: windows of each recording. With few recordings each has its share in every step; with many they take turns,
    so that a step costs no more the more recordings there are.
    """
    steps = max(1, round(sum(sizes.values()) / batch_size))
    together = max(1, batch_size // MIN_ROWS)
    order = list(sizes)
    parts = steps
    if len(sizes) > together:
        order = [order[k] for k in torch.randperm(len(order), generator=generator).tolist()]
        parts = max(1, round(steps * together / len(sizes)))
    drawn: list[dict[int, NDArray[np.int64]]] = [{} for _ in range(steps)]
    for turn, i in enumerate(order):
        for part, rows in enumerate(torch.randperm(sizes[i], generator=generator).tensor_split(parts)):
            if len(rows):
                drawn[(turn * parts + part) % steps][i] = rows.numpy()
    return [step for step in drawn if step]
