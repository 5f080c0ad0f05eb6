"""Windows: selection, digest, shape errors."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace

import numpy as np
import pytest

from spikebridge.errors import DataError
from spikebridge.models.parts.features import join
from spikebridge.types import Windows


def test_digest_sees_every_field(windows: list[Windows]) -> None:
    w = windows[0]
    spike = w.target.copy()
    spike[3, 2, 1] += 1
    others = [
        replace(w, target=spike),
        replace(w, bin_s=w.bin_s + 1e-9),
        replace(w, recording="x"),
        replace(w, classes=("skip", "go")),
        replace(w, label=w.label - 1),
        replace(w, behavior=w.behavior + 1),
        replace(w, behavior_names=("x", *w.behavior_names[1:])),
        replace(w, covariates=w.covariates * 2),
        replace(w, covariate_names=("x", *w.covariate_names[1:])),
    ]
    assert len({w.digest(), *(o.digest() for o in others)}) == 10


def test_selection_and_times(windows: list[Windows]) -> None:
    w = windows[0]
    some = w.select(np.array([4, 1]))
    np.testing.assert_allclose(some.stop_s, w.start_s[[4, 1]] + w.n_bins * w.bin_s)
    assert np.array_equal(some.source, w.source[[4, 1]]) and some.source_units is w.source_units
    assert w.select(w.labelled).labelled.all() and w.labelled.sum() == 40
    assert w.select(np.arange(2, 6)).source.base is not None and len(w.select(np.array([], dtype=int))) == 0
    assert np.array_equal(w.select(np.arange(2, 6)).source, w.source[2:6])
    assert np.array_equal(w.select(np.array([-2, -1])).source, w.source[-2:])


def test_shapes_must_agree(windows: list[Windows]) -> None:
    w = windows[0]
    with pytest.raises(DataError, match=f"expected {len(w)} rows in label, got 3"):
        replace(w, label=w.label[:3])
    with pytest.raises(DataError, match="must agree in windows and bins"):
        replace(w, target=w.target[:, :-1])


def test_windows_without_behaviour_are_hashed_without_it(windows: list[Windows]) -> None:
    """The hash that splits hold of windows without behaviour and covariates covers the other eleven fields alone."""
    w = replace(windows[0], behavior_names=(), covariate_names=())
    assert w.behavior.shape == (len(w), w.n_bins, 0) and w.covariates.shape == (len(w), 0)
    others = [f.name for f in fields(Windows) if not f.name.startswith(("behavior", "covariate"))]
    assert len(others) == 11
    h = hashlib.sha256()
    for name, value in ((n, np.ascontiguousarray(getattr(w, n))) for n in others):
        h.update(f"{name}{value.dtype.str}{value.shape}".encode())
        h.update(value.tobytes())
    assert h.hexdigest() == w.digest()


def test_behaviour_and_covariates_go_with_their_windows(windows: list[Windows]) -> None:
    w = windows[0]
    some = w.select(np.array([4, 1]))
    np.testing.assert_array_equal(some.behavior, w.behavior[[4, 1]])
    np.testing.assert_array_equal(some.covariate("column delay_s"), w.covariates[[4, 1], 6])
    both = join(w.select(np.arange(0, len(w), 2)), w.select(np.arange(1, len(w), 2)))
    assert both.digest() == w.digest()
    with pytest.raises(DataError, match="rows in covariates, got 2"):
        replace(w, covariates=w.covariates[:2])
    with pytest.raises(DataError, match="expected behaviour or covariates"):
        replace(w, behavior=w.behavior[:, :, :1])
