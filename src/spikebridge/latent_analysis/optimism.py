"""What leakage would have given: the tuned models in random folds without a gap, beside the blocked ones.

Neighbouring trials share drift, and labels come in runs; a test trial whose neighbours were learned from can be told
from them without any code for the decision (Harris 2020, "Nonsense correlations in neuroscience"). Both schemes fit the
same settings to as many windows, so that their difference is leakage and not the amount of data. The leaky scores are
no results: they are written to tables of this analysis alone, and called leaky there.

Beside them: the inner scores that the tuner saw, and the blocked scores of other seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge import models
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.config.declared_tests import DECIDING, TRANSLATING
from spikebridge.latent_analysis.refit import Refits
from spikebridge.metrics import information
from spikebridge.models import Model
from spikebridge.runtime.seeds import random_generator
from spikebridge.splits import inner_partitions, select_windows
from spikebridge.types import Index, Partition

SEEDS = 3
TRANSLATOR_SEEDS = 2
"""Its two seeds are fitted for other analyses anyway; a third would cost as much as all other models together."""
BLOCKED, LEAKY = "blocked", "leaky"
COLUMNS = ["model", "folds", "seed", "recording", "fold", "block", "trial", "label", "predicted", "nats", "spikes"]
Numbers = NDArray[np.int64]
INNER = ("balanced_accuracy", "bits_per_spike")


def models_of(names: Sequence[str]) -> list[str]:
    """The models that make a claim (see spikebridge.config.declared_tests), of those that there are."""
    return [m for m in dict.fromkeys((*DECIDING, *TRANSLATING)) if m in names]


def tables(refits: Refits) -> dict[str, pd.DataFrame]:
    """optimism: a row a model, scheme of folds (blocked or leaky), seed and test trial.

    label, predicted: numbers of classes, empty for a model that does not decide. nats, spikes: as in
    translation.parquet, or empty. block: of the blocked folds, the one that a trial lies in. Seeds other than 0 are of
    the blocked scheme alone.
    """
    part = inner_partitions(refits.splits, str(refits.fold.fold))[0]
    dealt, test = random_fold(refits, part)
    rows = []
    for name in models_of(list(refits.tuned)):
        for seed in range(TRANSLATOR_SEEDS if name == refits.settings.model else SEEDS):
            rows.append(_rows_of(refits, name, _fit(refits, name, part, BLOCKED, seed), part, refits.fold.test, seed))
        rows.append(_rows_of(refits, name, _fit(refits, name, dealt, LEAKY, 0), dealt, test, None))
    return {"optimism": pd.concat(rows, ignore_index=True)[COLUMNS]}


def inner_scores(tuned: Mapping[str, Sequence[TunedFold]]) -> pd.DataFrame:
    """model, fold, metric, inner: what the tuner's best trial scored inside each outer fold.

    tuned: model -> what the tuner chose in each outer fold.
    """
    rows = [
        {"model": model, "fold": fold.fold, "metric": metric, "inner": fold.inner[metric]}
        for model, folds in tuned.items()
        for fold in folds
        for metric in INNER
        if fold.inner.get(metric) is not None
    ]
    return pd.DataFrame(rows, columns=["model", "fold", "metric", "inner"])


def random_fold(refits: Refits, part: Partition) -> tuple[Partition, Index]:
    """The leaky counterpart of a fold: its training and validation windows, and its test windows.

    Fold k tests the k-th of as many random parts of a recording's labelled trials as there are outer folds. It learns
    from as many labelled and other windows as the blocked fold does, drawn from all that are left, without a gap (or
    all that are left). A recording that the blocked fold holds out whole is not tested either.
    """
    train: dict[str, Numbers] = {}
    valid: dict[str, Numbers] = {}
    test: dict[str, Numbers] = {}
    for w in refits.data:
        known = refits.rng("random folds", w.recording).permutation(np.flatnonzero(w.labelled))
        tested = np.array_split(known, len(refits.splits.folds))[refits.fold.fold]
        rng = random_generator(refits.seed, "analyze", "random fold", w.recording, refits.fold.fold)
        if w.recording in part.train:
            test[w.recording] = np.sort(tested)
        free = {True: rng.permutation(np.setdiff1d(known, tested)), False: rng.permutation(np.flatnonzero(~w.labelled))}
        for into, like in ((train, part.train), (valid, part.valid)):
            labelled = w.labelled[like.get(w.recording, np.empty(0, dtype=np.int64))]
            drawn = []
            for kind, n in ((True, int(labelled.sum())), (False, int((~labelled).sum()))):
                drawn.append(free[kind][:n])
                free[kind] = free[kind][n:]
            into[w.recording] = np.sort(np.concatenate(drawn))
    return Partition(train, valid), test


def _fit(refits: Refits, name: str, part: Partition, scheme: str, seed: int) -> Model:
    """A fit of the tuned settings, at most as long as those of the other analyses."""
    if name == refits.settings.model and scheme == BLOCKED:
        return refits.reseeded if seed else refits.forward
    model = models.create(name, refits.tuned[name].params, refits.device, refits.baselines)
    rng = random_generator(refits.seed, "analyze", "optimism", name, scheme, seed, refits.fold.fold)
    labels = {"fit": f"{scheme} {name}, seed {seed}", "fold": refits.fold.fold}
    model.fit(
        select_windows(refits.data, part.train),
        select_windows(refits.data, part.valid),
        rng,
        lambda row: refits.report(labels | row),
    )
    return model


def _rows_of(refits: Refits, name: str, model: Model, part: Partition, test: Index, seed: int | None) -> pd.DataFrame:
    """seed: of a blocked fit, None of the leaky one."""
    train = {w.recording: w for w in select_windows(refits.data, part.train)}
    home = {(r, int(i)): f.fold for f in refits.splits.folds for r, index in f.test.items() for i in index}
    tables = []
    for w in select_windows(refits.data, test):
        predicted = model.predict(w)
        columns: dict[str, Any] = dict.fromkeys(COLUMNS[-4:], np.nan)
        if predicted.probabilities is not None:
            columns |= {"label": w.label, "predicted": model.decide(predicted.probabilities, w.recording)}
        if predicted.rates is not None and w.recording in train:
            nats, spikes = information(predicted.rates, w.target, train[w.recording].target.mean(axis=(0, 1)))
            columns |= {"nats": nats, "spikes": spikes}
        tables.append(
            pd.DataFrame({"trial": w.trial, **columns}).assign(
                recording=w.recording, block=[f"{w.recording}/{home[w.recording, int(i)]}" for i in test[w.recording]]
            )
        )
    return pd.concat(tables, ignore_index=True).assign(
        model=name, folds=LEAKY if seed is None else BLOCKED, seed=seed or 0, fold=refits.fold.fold
    )


def shorten(params: Mapping[str, Any], name: str, members: int, epochs: int) -> dict[str, Any]:
    """The settings of a fit for an analysis: few networks, few epochs, where the model has such settings and many fits
    of it would cost minutes: those that stop early."""
    kind = models.get_class(name)
    given = kind.Params(**params).model_dump()
    few = {"n_members": members, "max_epochs": min(epochs, given["max_epochs"])} if kind.early_stopping else {}
    return dict(params) | {key: value for key, value in few.items() if key in given}
