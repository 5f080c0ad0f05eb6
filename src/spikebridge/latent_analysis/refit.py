"""Fits of the tuned model to changed windows of one outer fold; what several analyses need is fitted once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from spikebridge import models
from spikebridge.artifacts.trial_tables import translation_rows
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.baseline import Baselines
from spikebridge.config import AnalysisConfig
from spikebridge.metrics import information
from spikebridge.runtime import parallel
from spikebridge.runtime.seeds import random_generator
from spikebridge.splits import inner_partitions, select_windows
from spikebridge.types import Fold, Splits, Windows

Change = Callable[[Windows], Windows]


@dataclass(frozen=True)
class Refits:
    """One outer fold, and the model as it was tuned there. data: one Windows a recording.

    settings: of the analyses. tuned: model -> what the tuner chose in this fold, for all models that the analyses fit.
    baselines: of all models.
    """

    seed: int
    settings: AnalysisConfig
    data: Sequence[Windows]
    splits: Splits
    fold: Fold
    device: str
    report: parallel.Report
    tuned: Mapping[str, TunedFold]
    baselines: Baselines

    def fit(self, name: str, change: Change = lambda w: w, decides: bool = False) -> models.Model:
        """Fitted to the changed training windows; its random stream is that of its name.

        decides: whether its decisions are used. Otherwise the read-out has no trees; latents and rates are the same.
        """
        params = {**self.tuned[self.settings.model].params, **({} if decides else {"n_readout_trees": 0})}
        model = models.create(self.settings.model, params, self.device, self.baselines)
        train, valid = ([change(w) for w in side] for side in self.learned())
        rng = random_generator(self.seed, "analyze", name, self.fold.fold)
        model.fit(train, valid, rng, lambda row: self.report({"fit": name, "fold": self.fold.fold, **row}))
        return model

    def learned(self) -> tuple[list[Windows], list[Windows]]:
        """What every fit learns from: training windows, and those that it stops by."""
        part = inner_partitions(self.splits, str(self.fold.fold))[0]
        return select_windows(self.data, part.train), select_windows(self.data, part.valid)

    @cached_property
    def forward(self) -> models.Model:
        """The model as it is trained, on nothing changed."""
        return self.fit("forward", decides=True)

    @cached_property
    def reseeded(self) -> models.Model:
        """The same with another seed."""
        return self.fit("seed", decides=True)

    def rng(self, purpose: str, recording: str) -> np.random.Generator:
        """The same in every fold, so that a choice of units is one of the recording."""
        return random_generator(self.seed, "analyze", purpose, recording)

    def scored(self) -> list[tuple[Windows, Windows]]:
        """(training, test) windows of each recording that has both."""
        train = {w.recording: w for w in select_windows(self.data, self.fold.train)}
        return [(train[w.recording], w) for w in select_windows(self.data, self.fold.test) if w.recording in train]

    def information_rows(self, test: Windows, rates: Any, base: Any, baseline: Any = None) -> pd.DataFrame:
        """One row a test window: nats and spikes, as in translation.parquet. base: (unit,), mean of training bins."""
        nats, spikes = information(rates, test.target, base)
        without_source = np.zeros(len(test)) if baseline is None else information(baseline, test.target, base)[0]
        return translation_rows(test, self.fold.fold, nats, spikes, without_source).drop(columns="time_s")


def reversed_direction(w: Windows) -> Windows:
    """Source and target exchanged."""
    return replace(
        w, source=w.target, target=w.source, source_units=w.target_units, target_units=w.source_units
    )  # fmt: skip


def with_units(w: Windows, source: Any = slice(None), target: Any = slice(None)) -> Windows:
    """Some of the units; source, target: places on the last axis."""
    return replace(
        w,
        source=w.source[:, :, source],
        target=w.target[:, :, target],
        source_units=w.source_units[source],
        target_units=w.target_units[target],
    )
