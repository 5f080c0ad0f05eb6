"""Nats of bins on disk: all folds of a recording in one file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikebridge.artifacts.bin_nats import BinNats, read_bin_nats, write_bin_nats
from spikebridge.errors import DataError


def test_folds_come_back_by_trial(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = {name: rng.normal(size=(7, 4)) for name in ("a", "b")}
    trial = np.array([3, 9, 1, 4, 8, 0, 5])
    parts = [BinNats("day.1", trial[k], {n: v[k] for n, v in whole.items()}) for k in (slice(0, 3), slice(3, 7))]
    write_bin_nats(tmp_path, [*parts, BinNats("day2", trial[:2], {"a": whole["a"][:2]})])
    found = read_bin_nats(tmp_path, "day.1")
    assert found.trial.tolist() == sorted(trial.tolist())
    for name, values in whole.items():
        np.testing.assert_allclose(found.of(name, trial), values, rtol=1e-6)
    assert found.of("a", trial[[5]]).shape == (1, 4)
    assert list(read_bin_nats(tmp_path, "day2").nats) == ["a"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write_bin_nats(tmp_path, [])
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"day1.npz: expected nats of each bin .*run the stages train and"):
        read_bin_nats(tmp_path, "day1")
    write_bin_nats(tmp_path, [BinNats("day1", np.arange(3), {"a": np.zeros((3, 2))})])
    found = read_bin_nats(tmp_path, "day1")
    for part, trials in (("b", [0]), ("a", [7]), ("a", [-1])):
        with pytest.raises(DataError, match=f"nats of bins of day1: expected '{part}' of every held-out trial"):
            found.of(part, np.array(trials))
