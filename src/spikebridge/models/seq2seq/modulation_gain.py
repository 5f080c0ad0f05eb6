"""How far a network's predictions should be believed: the gain on its modulation of log rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

Modulated = tuple[Tensor, Tensor, Tensor]
"""Log rate without bias and baseline, log gain of the baseline, and counts: each (window, bin, unit)."""


def best_gain(parts: Iterable[Modulated], gains: Sequence[float]) -> float:
    """The gain of highest likelihood."""
    found = profile_likelihoods(parts, gains)
    return gains[found.index(max(found))]


def profile_likelihoods(parts: Iterable[Modulated], gains: Sequence[float]) -> list[float]:
    """Poisson log likelihood of log rate = bias + known + g * modulation, up to a constant, for every gain g.

    Every unit's bias is at its best. The parts are gone through once.
    """
    fixed, moving = 0.0, 0.0
    spikes, expected = torch.zeros(()), [torch.zeros(())] * len(gains)
    for modulation, known, counts in parts:
        spikes = spikes.to(counts.device) + counts.sum(dim=(0, 1))
        fixed, moving = fixed + float((counts * known).sum()), moving + float((counts * modulation).sum())
        more = [(g * modulation + known).exp().sum(dim=(0, 1)) for g in gains]
        expected = [e.to(m.device) + m for e, m in zip(expected, more, strict=True)]
    return [fixed + g * moving - float((spikes * e.log()).sum()) for g, e in zip(gains, expected, strict=True)]
