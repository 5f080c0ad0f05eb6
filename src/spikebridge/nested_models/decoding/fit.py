"""One nested model in one outer fold: settings chosen on the inner folds, a fit on the training trials, a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from spikebridge.artifacts.latents import LatentsByRecording
from spikebridge.artifacts.training import IntervalLists
from spikebridge.artifacts.trial_tables import prediction_rows
from spikebridge.metrics.decision import log_loss_per_trial
from spikebridge.models import Model
from spikebridge.nested_models.decoding.confounds import Matched
from spikebridge.nested_models.decoding.decoders import NestedDecoder
from spikebridge.splits import select_windows, training_intervals
from spikebridge.types import Fold, Index, Partition, Windows


@dataclass(frozen=True)
class OutOfFold:
    """A nested model in one fold. table: rows of predictions.parquet. training_intervals: the time that the fit learned
    from. inner_loss: nats, summed over all inner validation trials."""

    table: pd.DataFrame
    training_intervals: IntervalLists
    settings: Mapping[str, Any]
    inner_loss: float


def out_of_fold(
    decoder: NestedDecoder, data: Sequence[Windows], fold: Fold, latents: LatentsByRecording, rng: np.random.Generator
) -> OutOfFold:
    """The fold's test trials, predicted by what was learned from its training trials alone.

    data: every window of each recording. latents: of this fold's translator, where the decoder needs them.
    Trials that are matched have a column weight: how much each counts in a score.
    """
    chosen, loss = choose_settings(decoder, data, fold.inner, latents, rng)
    train = _inputs(decoder, data, fold.train, latents)
    model = _fitted(decoder, chosen, train, rng)
    tables = []
    for w in _inputs(decoder, data, fold.test, latents):
        probabilities = model.predict(w).probabilities
        assert probabilities is not None
        shares = model.class_shares.get(w.recording, ())
        table = prediction_rows(w, fold.fold, probabilities, model.decide(probabilities, w.recording), shares)
        tables.append(table.assign(weight=model.weights_of(w)) if isinstance(model, Matched) else table)
    return OutOfFold(pd.concat(tables, ignore_index=True), training_intervals(train), chosen, loss)


def choose_settings(
    decoder: NestedDecoder,
    data: Sequence[Windows],
    inner: Sequence[Partition],
    latents: LatentsByRecording,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], float]:
    """The settings of the grid with the least log-loss on inner validation trials, summed over recordings and parts.

    Also that loss, nats. Matched trials count by their weight. The first of the grid where settings are equal.
    """
    grid = [dict(zip(decoder.grid, values, strict=True)) for values in product(*decoder.grid.values())]
    parts = [(_inputs(decoder, data, p.train, latents), _inputs(decoder, data, p.valid, latents)) for p in inner]
    losses = [
        sum(loss for train, valid in parts for loss in _losses(_fitted(decoder, params, train, rng), valid))
        for params in grid
    ]
    best = int(np.argmin(losses))
    return grid[best], float(losses[best])


def _losses(model: Model, valid: Sequence[Windows]) -> Iterator[float]:
    for w in valid:
        probabilities = model.predict(w).probabilities
        assert probabilities is not None
        weights = model.weights_of(w) if isinstance(model, Matched) else np.ones(len(w))
        yield float(weights @ log_loss_per_trial(w.label, probabilities))


def _fitted(
    decoder: NestedDecoder, params: Mapping[str, Any], train: Sequence[Windows], rng: np.random.Generator
) -> Model:
    model = decoder.make(params)
    model.fit(train, [], rng)
    return model


def _inputs(
    decoder: NestedDecoder, data: Sequence[Windows], index: Index, latents: LatentsByRecording
) -> list[Windows]:
    """The labelled windows of an index as the decoder's decoder sees them."""
    return [decoder.inputs(w, latents) for w in select_windows(data, index) if len(w)]
