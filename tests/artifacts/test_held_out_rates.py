"""Held-out rates on disk: all folds of a recording in one file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikebridge.artifacts.held_out_rates import HeldOutRates, read_held_out_rates, write_held_out_rates
from spikebridge.errors import DataError


def test_folds_come_back_by_trial(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = {name: rng.gamma(1.0, 0.3, (7, 4, 3)) for name in ("a", "b")}
    trial = np.array([3, 9, 1, 4, 8, 0, 5])
    parts = [HeldOutRates("day.1", trial[k], {n: v[k] for n, v in whole.items()}) for k in (slice(0, 3), slice(3, 7))]
    write_held_out_rates(tmp_path, [*parts, HeldOutRates("day2", trial[:2], {"a": whole["a"][:2]})])
    held_out = read_held_out_rates(tmp_path, "day.1")
    assert held_out.trial.tolist() == sorted(trial.tolist())
    for name, values in whole.items():
        np.testing.assert_allclose(held_out.of(name, trial), values, rtol=5e-4)
    assert held_out.of("a", trial[[5]]).shape == (1, 4, 3)
    assert list(read_held_out_rates(tmp_path, "day2").rates) == ["a"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    write_held_out_rates(tmp_path, [])
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"day1.npz: expected rates of held-out trials .*run the stages train and"):
        read_held_out_rates(tmp_path, "day1")
    write_held_out_rates(tmp_path, [HeldOutRates("day1", np.arange(3), {"a": np.zeros((3, 2, 1))})])
    held_out = read_held_out_rates(tmp_path, "day1")
    for part, trials in (("b", [0]), ("a", [7]), ("a", [-1])):
        with pytest.raises(DataError, match=f"held-out rates of day1: expected '{part}' of every held-out trial"):
            held_out.of(part, np.array(trials))
