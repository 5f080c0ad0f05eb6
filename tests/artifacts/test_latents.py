"""latents.parquet: what is written is read again, and folds are brought to one set of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_windows import windows_of
from scipy.stats import ortho_group

from spikebridge.artifacts.latents import (
    FoldLatents,
    align,
    missing_latents,
    read_fold_latents,
    read_latents,
    write_latents,
)
from spikebridge.errors import DataError
from spikebridge.types import Fold, Partition, Splits, Windows

N_TRIALS, N_BINS = 12, 5


def recording(name: str) -> Windows:
    counts = np.random.default_rng(0).poisson(1.0, (N_TRIALS, N_BINS, 3)).astype(np.uint8)
    return windows_of(counts, counts, recording=name)


@pytest.fixture
def data() -> list[Windows]:
    return [recording("one"), recording("two")]


def latents_of(w: Windows, tested: slice, values: np.ndarray) -> FoldLatents:
    """The trials that a fold learned from, and then those of its test block, as the stage train gives them."""
    held_out = np.zeros(len(w), np.bool_)
    held_out[tested] = True
    order = np.argsort(held_out, kind="stable")
    return FoldLatents(w.trial[order], held_out[order], values[order].astype(np.float32))


def written(path: Path, data: list[Windows], rotations: dict[int, np.ndarray], final: bool = True) -> np.ndarray:
    """Write latents of two folds that are rotated, shifted and scaled latents of the final fit; those of the latter."""
    truth = np.random.default_rng(1).normal(size=(N_TRIALS, N_BINS, 3))
    folds = {
        fold: {
            w.recording: latents_of(w, slice(6 * fold, 6 * fold + 6), (1 + fold) * truth @ rotation - 4.0) for w in data
        }
        for fold, rotation in rotations.items()
    }
    of_all = {w.recording: latents_of(w, slice(0), truth) for w in data} if final else {}
    write_latents(path, data, folds, of_all)
    return truth


def test_every_fold_is_read_as_its_model_gave_it(tmp_path: Path, data: list[Windows]) -> None:
    turns = {k: ortho_group.rvs(3, random_state=k) for k in (0, 1)}
    truth = written(tmp_path / "latents.parquet", data, turns)
    latents = read_latents(tmp_path / "latents.parquet")
    assert list(latents) == ["one", "two"]
    for w in data:
        for fold in (0, 1):
            expected = latents_of(w, slice(6 * fold, 6 * fold + 6), (1 + fold) * truth @ turns[fold] - 4.0)
            part = latents[w.recording][fold]
            np.testing.assert_array_equal(part.trial, expected.trial)
            np.testing.assert_array_equal(part.held_out, expected.held_out)
            np.testing.assert_array_equal(part.latents, expected.latents)  # to the last bit: scores are made of these
            assert part.latents.dtype == np.float32
            fold_latents = read_fold_latents(tmp_path / "latents.parquet", fold)[w.recording]
            np.testing.assert_array_equal(fold_latents.latents, expected.latents)


def test_the_table_says_which_trial_bin_and_decision_a_row_is_of(tmp_path: Path, data: list[Windows]) -> None:
    written(tmp_path / "latents.parquet", data, {k: np.eye(3) for k in (0, 1)})
    table = pd.read_parquet(tmp_path / "latents.parquet")
    assert len(table) == 2 * 2 * N_TRIALS * N_BINS
    assert table[table["held_out"]].groupby(["recording", "trial", "bin"]).size().eq(1).all()
    w = data[0]
    row = table[(table["recording"] == "one") & (table["trial"] == 7) & (table["bin"] == 2)].iloc[0]
    assert row["label"] == w.classes[w.label[7]]
    assert row["time_s"] == pytest.approx(w.start_s[7] + 2.5 * w.bin_s)
    assert row["time_from_decision_s"] == pytest.approx(row["time_s"] - w.decision_s[7])


def test_folds_are_brought_to_the_axes_of_the_final_fit(tmp_path: Path, data: list[Windows]) -> None:
    turns = {k: ortho_group.rvs(3, random_state=k) for k in (0, 1)}
    truth = written(tmp_path / "latents.parquet", data, turns)
    table = pd.read_parquet(tmp_path / "latents.parquet")
    assert table["alignment_r2"].min() > 1 - 1e-6
    for _, rows in table.groupby(["recording", "fold"]):
        ordered = rows.sort_values(["trial", "bin"])
        aligned = ordered[["latent_1", "latent_2", "latent_3"]].to_numpy().reshape(truth.shape)
        np.testing.assert_allclose(aligned, truth, atol=1e-5)


def test_without_a_final_fit_the_first_fold_gives_the_axes(tmp_path: Path, data: list[Windows]) -> None:
    written(tmp_path / "latents.parquet", data, {k: ortho_group.rvs(3, random_state=k) for k in (0, 1)}, final=False)
    table = pd.read_parquet(tmp_path / "latents.parquet")
    first = table[table["fold"] == 0]
    np.testing.assert_allclose(first["latent_2"], first["own_2"], atol=1e-5)
    keys = ["recording", "trial", "bin"]
    both = first.merge(table[table["fold"] == 1], on=keys, suffixes=("", "_other"))
    np.testing.assert_allclose(both["latent_2"], both["latent_2_other"], atol=1e-4)


def test_folds_of_other_dimensions_say_so(tmp_path: Path, data: list[Windows]) -> None:
    few = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 2)))[0]
    written(tmp_path / "latents.parquet", data, {0: np.eye(3), 1: few})
    table = pd.read_parquet(tmp_path / "latents.parquet")
    assert table.groupby("fold")["n_latents"].unique().map(list).to_dict() == {0: [3], 1: [2]}
    less = table[table["fold"] == 1]
    assert less["own_3"].isna().all() and less["own_2"].notna().all() and less["latent_3"].notna().all()
    assert 0.3 < less["alignment_r2"].iloc[0] < 0.99
    assert read_latents(tmp_path / "latents.parquet")["one"][1].latents.shape == (N_TRIALS, N_BINS, 2)


def test_alignment_finds_a_rotation_a_shift_and_a_scale() -> None:
    rng = np.random.default_rng(5)
    target, turn = rng.normal(size=(200, 4)), ortho_group.rvs(4, random_state=7)
    alignment = align((target - 3.0) @ turn / 2.5, target)
    np.testing.assert_allclose(alignment.rotation, turn.T, atol=1e-10)
    assert alignment.scale == pytest.approx(2.5)
    assert alignment.r2 == pytest.approx(1.0)
    unrelated = align(rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3)))
    assert unrelated.r2 < 0.05


def test_what_the_file_lacks_is_named(tmp_path: Path, data: list[Windows]) -> None:
    path = tmp_path / "latents.parquet"
    test = {"one": np.arange(6), "two": np.arange(6)}
    folds = tuple(Fold(fold, test, {}, (), {}) for fold in (0, 1))
    splits = Splits("block", {}, folds, Partition({}, {}), "hash")
    assert missing_latents(path, splits) == "seq2seq was not run"
    written(path, data, {0: np.eye(3), 1: np.eye(3)})
    assert missing_latents(path, splits) == ""
    written(path, data[:1], {0: np.eye(3), 1: np.eye(3)})
    assert missing_latents(path, splits) == "seq2seq has no latents of two in fold 0 and 1 more"
    pd.DataFrame({"recording": ["one"]}).to_parquet(path)
    with pytest.raises(DataError, match=r"latents\.parquet: cannot be read as a table of latents"):
        read_latents(path)
