"""What every core is."""

from __future__ import annotations

from torch import Tensor, nn


class Core(nn.Module):
    """A map over time, (window, bin, input) -> (window, bin, width), for windows of any number of bins.

    inputs: size of the last axis of what comes in. hidden: units per direction. two_sided: whether a bin's output may
    depend on later bins; else it depends on bins up to its own alone. width: size of the last axis of what comes out.
    """

    width: int

    def __init__(self, inputs: int, hidden: int, two_sided: bool) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError
