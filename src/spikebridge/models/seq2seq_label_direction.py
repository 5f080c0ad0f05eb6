"""seq2seq with a supervised reading of the source beside its shared latents.

The translator is that of seq2seq. The read-out of decisions has, besides the shared latents, the direction in which the
source separates the decisions (see parts/label_direction), whether the target follows it or not. So a decision of this
model says what the source tells, not what the two regions share: that is what seq2seq says. Beside each other the two
show how much of the source's information on the decision lies outside the shared latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikebridge.models.base import OnEpoch
from spikebridge.models.parts.label_direction import (
    LabelDirection,
    fit_label_direction,
    load_directions,
    save_directions,
)
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.types import Windows

LABEL_WEIGHT = 3.0  # SD of the label direction over that of a mode of the latents: one ridge penalty then serves both
Array = NDArray[np.float64]


class Seq2SeqLabelDirection(Seq2Seq):
    """The translator of seq2seq; decisions from its latents and from the source's label direction.

    With equal settings its rates and latents are those of seq2seq, bit for bit: it draws from the same random streams.

    Parameters
    ----------
    params : mapping, optional
        Settings that differ from the defaults of `Params`, those of seq2seq.
    device : str
        Where torch computes, such as "cpu" or "cuda".
    baselines : Baselines, optional
        Fits the baselines. Hand the same object to all models of a fold. None: the model makes a new object.
    """

    name = "seq2seq_label_direction"
    random_stream = Seq2Seq.name
    adapts = False  # without labels there is no label direction: it would be seq2seq by another name

    def _fit(
        self, train: Sequence[Windows], valid: Sequence[Windows], rng: np.random.Generator, on_epoch: OnEpoch
    ) -> None:
        self.directions: dict[str, LabelDirection] = {}
        super()._fit(train, valid, rng, on_epoch)

    def _fit_additional(self, labelled: Windows) -> Array:
        direction, crossed = fit_label_direction(labelled, len(self.classes))
        scaled = replace(direction, weights=direction.weights * LABEL_WEIGHT)
        self.directions = self.directions | {labelled.recording: scaled}  # a copy of the model may share the old dict
        return crossed * LABEL_WEIGHT

    def _additional(self, windows: Windows) -> Array:
        if windows.recording not in self.directions:
            return super()._additional(windows)
        return self.directions[windows.recording].evidence(windows)

    def _n_additional(self, recording: str) -> int:
        return len(self.classes) if recording in self.directions else 0

    def _save(self, folder: Path) -> None:
        super()._save(folder)
        save_directions(folder, list(self.units), self.directions)

    def _load(self, folder: Path) -> None:
        sizes = {name: len(units["source_units"]) for name, units in self.units.items()}
        self.directions = load_directions(folder, sizes, self.n_bins, len(self.classes))
        super()._load(folder)
