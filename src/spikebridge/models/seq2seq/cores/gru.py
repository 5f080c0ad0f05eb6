"""Gated recurrent units (Cho et al. 2014), run in both directions where `two_sided`."""

from __future__ import annotations

from torch import Tensor, nn

from spikebridge.models.parts.gru import run_gru
from spikebridge.models.seq2seq.cores.base import Core


class GRU(Core):
    def __init__(self, inputs: int, hidden: int, two_sided: bool) -> None:
        super().__init__(inputs, hidden, two_sided)
        self.layer = nn.GRU(inputs, hidden, batch_first=True, bidirectional=two_sided)
        self.width = hidden * (2 if two_sided else 1)

    def forward(self, x: Tensor) -> Tensor:
        return run_gru(self.layer, x)
