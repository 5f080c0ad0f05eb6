"""Recurrent cores behind one face: (window, bin, input) -> (window, bin, width)."""

from __future__ import annotations

from torch import Tensor, nn

from spikebridge.models.parts.gru import run_gru


class Core(nn.Module):
    """A map over time. `width` is the size of its last axis."""

    width: int


class GRU(Core):
    """Gated recurrent units (Cho et al. 2014), run in both directions where `two_sided`."""

    def __init__(self, inputs: int, hidden: int, two_sided: bool) -> None:
        super().__init__()
        self.layer = nn.GRU(inputs, hidden, batch_first=True, bidirectional=two_sided)
        self.width = hidden * (2 if two_sided else 1)

    def forward(self, x: Tensor) -> Tensor:
        return run_gru(self.layer, x)


CORES: dict[str, type[GRU]] = {"gru": GRU}


def build_core(name: str, inputs: int, hidden: int, two_sided: bool) -> Core:
    """The core of that name."""
    return CORES[name](inputs, hidden, two_sided)
