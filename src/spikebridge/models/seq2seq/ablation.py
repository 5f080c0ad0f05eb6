"""A direction of the latents that is held at its mean, in every network of a translator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RemovedDirection:
    """z -> z - ((z - mean) . weight) direction, on the axes of the translator's latents.

    An oblique projection: weight . direction = 1. Components that are uncorrelated with (z . weight) stay as they are.
    mean: recording -> (latent,), where the component is held. weight, direction: (latent,).
    """

    mean: Mapping[str, Array]
    weight: Array
    direction: Array

    def __call__(self, recording: str, each: Sequence[Tensor], maps: Sequence[Tensor]) -> list[Tensor]:
        """The latents of each network without the component.

        each: (window, bin, latent), on the axes of each network. maps: from those of every network but the first to
        those of the first, (latent + 1, latent).
        """
        mean, weight, direction = (
            torch.from_numpy(np.asarray(a, dtype=np.float32)).to(each[0].device)
            for a in (self.mean[recording], self.weight, self.direction)
        )
        first = each[0]
        removed = [first - ((first - mean) @ weight)[..., None] * direction]
        for z, m in zip(each[1:], maps, strict=True):
            component = (z @ m[:-1] + m[-1] - mean) @ weight
            removed.append(z - component[..., None] * (direction @ torch.linalg.pinv(m[:-1])))
        return removed
