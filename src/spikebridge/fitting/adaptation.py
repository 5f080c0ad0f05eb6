"""New recordings for a fitted translator: read, adapted to, and scored on held-out blocks beside a fit from scratch."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spikebridge import metrics, models
from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.io import ingest
from spikebridge.models import Model
from spikebridge.models.parts.saved_files import write_manifest
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.preprocess import make_windows, select_trials
from spikebridge.preprocess.windows import count_bins
from spikebridge.splits import make_splits, select_windows
from spikebridge.types import Windows

ABOUT = "adapted.json"
Row = dict[str, Any]
"""recording, fit ("adapted" or "from scratch"), windows, trials, bits_per_spike, balanced_accuracy."""


def adapt(config: Config, model_folder: Path, out: Path, say: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Adapt a saved model to the recordings of `config.data.path`; write it, with adapted.json, into the folder `out`.

    Every recording is scored over `split.n_outer_folds` contiguous blocks, each a gap away from what was learned from,
    once with the model adapted to the rest, once with one of the same settings fitted to the rest alone. The model
    that is written learns from every block.
    Raises ConfigError where bins or window are not the model's, DataError where a recording is known to it, has a class
    that it does not know, or too few windows or trials.
    """
    model = _saved(model_folder)
    _check_bins(model, config)
    windows = _windows(config, model, say)
    rows = [row for w in windows for row in _held_out(w, config, model_folder, say)]
    for number, w in enumerate(windows):
        part = make_splits([w], config.split).full
        model.adapt(
            select_windows([w], part.train),
            select_windows([w], part.valid),
            np.random.default_rng([config.seed, number]),
        )
    model.save(out)
    about = {"recordings": [w.recording for w in windows], "held_out": rows, "seed": config.seed}
    (out / ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
    write_manifest(out)
    return rows


def _saved(folder: Path) -> Seq2Seq:
    model = models.load(folder)
    if not isinstance(model, Seq2Seq):
        raise DataError(f"{folder}: expected a saved {Seq2Seq.name}, whose core can be shared, got {model.name}")
    return model


def _check_bins(model: Model, config: Config) -> None:
    width, window = config.bins.width_s, config.trials.window_s
    if abs(width - model.bin_s) > 1e-9:
        raise ConfigError(f"bins.width_s: the model was fitted on bins of {model.bin_s:g} s, got {width:g}")
    if count_bins(window[1] - window[0], width) != model.n_bins:
        raise ConfigError(
            f"trials.window_s: the model was fitted on windows of {model.n_bins * model.bin_s:g} s, got {list(window)}"
        )


def _windows(config: Config, model: Model, say: Callable[[str], None]) -> list[Windows]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        ingest(config, Path(folder), say=say)
        for recording in IngestedRecordings(Path(folder)):
            if recording.name in model.units:
                known = ", ".join(sorted(model.units))
                raise DataError(f"{recording.name}: the model knows this recording already; it knows {known}")
            labels = set(select_trials(recording, config.trials).label.tolist())
            if strange := sorted(labels - set(model.classes)):
                raise DataError(
                    f"{recording.name}: trials.label has {', '.join(strange)}, which the model does not know; its "
                    f"classes are {', '.join(model.classes)}"
                )
            found.append(make_windows(recording, config, model.classes)[0])
    return found


def _held_out(w: Windows, config: Config, folder: Path, say: Callable[[str], None]) -> Iterator[Row]:
    fits: dict[str, list[tuple[float, float, Any]]] = {"adapted": [], "from scratch": []}
    folds = make_splits([w], config.split).folds
    labels = np.concatenate([w.label[fold.test[w.recording]] for fold in folds])
    for fold in folds:
        say(f"{w.recording}: held-out block {fold.fold + 1} of {len(folds)}")
        parts = [select_windows([w], side) for side in (fold.inner[0].train, fold.inner[0].valid)]
        test, mean = w.select(fold.test[w.recording]), w.select(fold.train[w.recording]).target.mean(axis=(0, 1))
        for name, scored in fits.items():
            rng = np.random.default_rng([config.seed, fold.fold])
            model = _saved(folder)
            if name == "adapted":
                model.adapt(parts[0], parts[1], rng)
            else:
                model = Seq2Seq(model.params.model_dump())
                model.fit(parts[0], parts[1], rng)
            said = model.predict(test)
            assert said.rates is not None and said.probabilities is not None
            nats, spikes = metrics.information(said.rates, test.target, mean)
            scored.append((nats.sum(), spikes.sum(), model.decide(said.probabilities, w.recording)))
    for name, scored in fits.items():
        nats_of, spikes_of, decided = zip(*scored, strict=True)
        yield {
            "recording": w.recording,
            "fit": name,
            "windows": len(w),
            "trials": len(labels),
            "bits_per_spike": metrics.bits_per_spike(nats_of, spikes_of),
            "balanced_accuracy": metrics.balanced_accuracy(labels, np.concatenate(decided)),
        }
