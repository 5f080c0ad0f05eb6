"""Behaviour in bins: against brute force, and nothing from outside the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from spikebridge import preprocess
from spikebridge.config import Config, WindowSections
from spikebridge.preprocess.binning import bin_behavior
from spikebridge.types import Recording


def long(**series: tuple[list[float], list[float]]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"series": k, "time_s": t, "value": v}) for k, (t, v) in series.items()])


@given(
    st.lists(st.tuples(st.floats(0, 12), st.floats(-1e6, 1e6) | st.just(float("nan"))), max_size=40),
    st.lists(st.integers(0, 80), min_size=1, max_size=5),
)
def test_bins_hold_the_mean_of_their_samples(samples: list[tuple[float, float]], starts: list[int]) -> None:
    """Windows in any order that may overlap, samples in any order."""
    start = np.array(starts) / 8
    binned, names = bin_behavior(long(speed=([t for t, _ in samples], [v for _, v in samples])), start, 3, 0.25)
    if not samples:
        assert binned.shape == (len(start), 3, 0) and names == ()
        return
    assert names == ("speed",) and binned.shape == (len(start), 3, 1) and binned.dtype == np.float32
    for w, b in np.ndindex(len(start), 3):
        low = start[w] + (b - 1e-6) * 0.25
        inside = [v for t, v in samples if low <= t < start[w] + (b + 1 - 1e-6) * 0.25 and np.isfinite(v)]
        if inside:
            np.testing.assert_allclose(binned[w, b, 0], np.mean(inside), rtol=1e-5, atol=1e-4)
        else:
            assert np.isnan(binned[w, b, 0])


def test_digits_survive_a_large_offset() -> None:
    time = np.arange(0, 100, 0.01)
    binned, _ = bin_behavior(long(clock=(time.tolist(), (1e6 + time).tolist())), np.array([50.0]), 2, 0.1)
    np.testing.assert_allclose(binned[0, :, 0], [1e6 + 50.045, 1e6 + 50.145], rtol=1e-7)


def test_series_keep_their_names_and_clocks() -> None:
    binned, names = bin_behavior(long(b=([0.1], [1.0]), a=([0.3, 0.4], [2.0, 4.0])), np.array([0.0]), 2, 0.25)
    assert names == ("a", "b")
    np.testing.assert_array_equal(binned[0], [[np.nan, 1.0], [3.0, np.nan]])


def test_what_comes_at_or_after_the_decision_is_not_in_the_window(
    make_recording: Callable[..., Recording], settings: Callable[..., Config]
) -> None:
    time = np.arange(0, 20, 0.05)
    recording = make_recording(go=[5.0, 8.0], choice=["a", "b"])
    recording = replace(recording, behavior=long(speed=(time.tolist(), np.where(time >= 5.0, 100.0, 1.0).tolist())))
    w, _ = preprocess.make_windows(recording, WindowSections.of(settings()), ("a", "b"))
    before = w.select(w.trial == 0)
    assert w.behavior_names == ("speed",) and w.behavior.shape == (len(w), w.n_bins, 1)
    np.testing.assert_array_equal(before.behavior, 1.0)
