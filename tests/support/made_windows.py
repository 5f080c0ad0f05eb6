"""Windows with a known answer: counts drawn from given rates, labels and covariates as asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows


def windows_of(source: NDArray[Any], target: NDArray[Any], **others: Any) -> Windows:
    """Trial windows, back to back. source, target: (window, bin, unit), counts. Labels are in turn unless given."""
    n, bins = source.shape[:2]
    bin_s = 0.1
    start = np.arange(n) * bins * bin_s
    fields: dict[str, Any] = {
        "recording": "made",
        "source": source.astype(np.uint8),
        "target": target.astype(np.uint8),
        "start_s": start,
        "bin_s": bin_s,
        "trial": np.arange(n),
        "label": np.arange(n) % 2,
        "decision_s": start + bins * bin_s,
        "classes": ("a", "b"),
        "source_units": np.arange(source.shape[2]),
        "target_units": np.arange(target.shape[2]),
    }
    return Windows(**(fields | others))


def parts(w: Windows, share: float = 0.7) -> tuple[Windows, Windows]:
    """The first and the last windows."""
    cut = int(share * len(w))
    return w.select(np.arange(cut)), w.select(np.arange(cut, len(w)))


def low_rank_link(rank: int, seed: int = 0, n: int = 300, bins: int = 10, coupling: float = 1.0) -> Windows:
    """A source of 20 units that drives a target of 15 through `rank` dimensions in the same bin, linearly."""
    rng = np.random.default_rng(seed)
    source = rng.poisson(4.0, (n, bins, 20))
    into = np.linalg.qr(rng.normal(size=(20, max(rank, 1))))[0][:, :rank]
    out = np.linalg.qr(rng.normal(size=(15, max(rank, 1))))[0][:, :rank] * np.sqrt(15) * 0.8
    rates = 6.0 + coupling * (source - 4.0) @ into @ out.T
    return windows_of(source, rng.poisson(np.maximum(rates, 0.05)))
