"""Parts of the window: which bins they have, what decoders see of them, and that they know no test trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_latents import translate
from studies import small_config

from spikebridge.artifacts.latents import FoldLatents
from spikebridge.artifacts.nested_models import NestedModelRun
from spikebridge.artifacts.splits import load_splits
from spikebridge.nested_models import NestedModelsSections, fit_nested_models
from spikebridge.nested_models.decoding.inputs import in_memory
from spikebridge.nested_models.decoding.time_resolved import LATENTS, MAX_PARTS, SOURCE, part_decoder, window_parts
from spikebridge.splits import check_training_intervals
from spikebridge.types import Windows


@pytest.mark.parametrize("n_bins", [1, 3, 10, 23, 40])
def test_parts_cover_the_window_once(n_bins: int) -> None:
    for of in (SOURCE, LATENTS):
        parts = [p for p in window_parts(n_bins, True) if p.of == of]
        assert len(parts) == min(MAX_PARTS, n_bins)
        assert [b for p in parts for b in range(p.first, p.stop)] == list(range(n_bins))
        lengths = [p.stop - p.first for p in parts]
        assert max(lengths) - min(lengths) <= 1
    assert {p.of for p in window_parts(n_bins, False)} == {SOURCE}


def test_a_decoder_sees_its_own_part_alone(windows: list[Windows]) -> None:
    w = in_memory(windows[0])
    z = np.random.default_rng(0).normal(size=(len(w), w.n_bins, 2)).astype(np.float32)
    latents = {w.recording: FoldLatents(w.trial, np.zeros(len(w), np.bool_), z)}
    for part in window_parts(w.n_bins, True):
        seen = part_decoder(part).inputs(w, latents)
        span = slice(part.first, part.stop)
        if part.of == LATENTS:
            np.testing.assert_array_equal(seen.behavior, z[:, span])
        else:
            np.testing.assert_array_equal(seen.source, w.source[:, span])
            np.testing.assert_allclose(seen.start_s, w.start_s + part.first * w.bin_s)
            np.testing.assert_allclose(seen.stop_s, w.start_s + part.stop * w.bin_s)


def test_every_part_predicts_every_labelled_trial_once(study: Path, windows: list[Windows], tmp_path: Path) -> None:
    splits = load_splits(study / "splits.json")
    train = translate(tmp_path, windows, splits)
    fit_nested_models(
        NestedModelsSections.of(small_config()), study / "windows", study / "splits.json", train, tmp_path / "ladder"
    )
    nested = NestedModelRun(tmp_path / "ladder")
    parts = nested.read_decoding().parts
    assert [p.of for p in parts] == [SOURCE] * (len(parts) // 2) + [LATENTS] * (len(parts) // 2)
    n = sum(int(w.labelled.sum()) for w in windows)
    for part in parts:
        results = nested.time_resolved(part.name)
        table = pd.read_parquet(results.predictions)
        assert len(table) == n and not table.duplicated(["recording", "trial"]).any()
        learned = results.read_training_intervals().folds
        assert all(check_training_intervals(splits, f.fold, learned[f.fold]) == [] for f in splits.folds)
    last = pd.read_parquet(nested.time_resolved(parts[-1].name).predictions)
    assert (last["label"] == last["predicted"]).mean() > 0.9  # the latents made up by `translate` hold the label
