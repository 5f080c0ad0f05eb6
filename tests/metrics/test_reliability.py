from __future__ import annotations

import numpy as np
import pytest

from spikebridge.metrics import calibration_curve, expected_calibration_error


def test_honest_probabilities_lie_on_the_diagonal(rng: np.random.Generator) -> None:
    p = rng.uniform(size=20_000)
    label = (rng.uniform(size=len(p)) < p).astype(np.int64)
    curve = calibration_curve(label, np.column_stack([1 - p, p]))
    assert len(curve) == 8
    assert curve["n"].sum() == len(p)
    assert (curve["predicted"] - curve["observed"]).abs().max() < 0.03
    assert expected_calibration_error(curve) < 0.02
    assert ((curve["low"] < curve["observed"]) & (curve["observed"] < curve["high"])).all()


def test_boasting_shows(rng: np.random.Generator) -> None:
    label = rng.integers(0, 2, 1000)
    p = np.full((1000, 2), [0.05, 0.95])
    curve = calibration_curve(label, p)
    assert len(curve) == 1  # ties are not parted
    assert expected_calibration_error(curve) == pytest.approx(abs(0.95 - label.mean()))


def test_more_classes_ask_of_the_most_likely_one(rng: np.random.Generator) -> None:
    p = rng.dirichlet(np.ones(3), 300)
    label = rng.integers(0, 3, 300)
    curve = calibration_curve(label, p, n_bins=4)
    assert np.average(curve["observed"], weights=curve["n"]) == pytest.approx((p.argmax(1) == label).mean())
