"""Models of other libraries: what is said where the library is missing, and what they say against our own."""

from __future__ import annotations

import importlib.util
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from import_graph import ROOT

from spikebridge import models
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig
from spikebridge.errors import ConfigError
from spikebridge.types import Windows

EXTRAS = [name for name in models.names() if models.get_class(name).extra]
Halves = tuple[list[Windows], list[Windows]]


def needs(name: str) -> pytest.MarkDecorator:
    missing = models.get_class(name).missing_package()
    return pytest.mark.skipif(bool(missing), reason=missing or "-")


def test_which_they_are() -> None:
    assert EXTRAS == ["cebra", "nemos_glm"]


@pytest.mark.parametrize("name", EXTRAS)
def test_without_its_package_a_model_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = models.get_class(name).extra
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(line.startswith(f"{extra}>=") for line in known[str(extra)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    for refused in (lambda: models.check_section({name: {}}), lambda: models.create(name)):
        with pytest.raises(
            ConfigError, match=rf"model {name} needs the package {extra}.*pip install \"\.\[{extra}\]\""
        ):
            refused()


@needs("nemos_glm")
def test_nemos_and_our_own_poisson_regression_agree(halves: Halves) -> None:
    params = {"smoothing_s": 0.15, "max_lag_s": 0.2, "penalty": 2.0}
    ours, theirs = (models.create(name, params) for name in ("poisson_glm", "nemos_glm"))
    for model in (ours, theirs):
        model.fit(halves[0], [], np.random.default_rng(0))
    for w in halves[1]:
        np.testing.assert_allclose(theirs.predict(w).rates, ours.predict(w).rates, rtol=0.02)


@needs("nemos_glm")
def test_nemos_and_our_own_poisson_regression_agree_around_a_baseline_that_varies(halves: Halves) -> None:
    """Rates that fall to a third, and a course in the trial: the offset is not constant, and the weights agree."""
    train, test = ([rising(w) for w in side] for side in halves)
    params = {"smoothing_s": 0.15, "max_lag_s": 0.2, "penalty": 2.0}
    fits = []
    for name in ("poisson_glm", "nemos_glm"):
        model = models.create(name, params, baselines=Baselines(BaselineConfig(psth=True, drift=True)))
        model.fit(train, [], np.random.default_rng(0))
        fits.append(model)
    for w in train:
        log_offset = np.log(fits[0].cross_fitted_baseline(w))
        assert log_offset.std(axis=(0, 1)).max() > 0.2
        ours, theirs = (fit.weights[w.recording] for fit in fits)
        for key in ("slope", "bias"):
            np.testing.assert_allclose(theirs[key], ours[key], atol=0.01 * np.abs(ours[key]).max())
    for w in test:
        np.testing.assert_allclose(*(fit.predict(w).rates for fit in reversed(fits)), rtol=0.02)


def rising(w: Windows) -> Windows:
    """Target counts thinned, most in early windows and early bins."""
    share = np.linspace(0.3, 1.0, len(w))[:, None, None] * np.linspace(0.5, 1.0, w.n_bins)[:, None]
    return replace(w, target=np.random.default_rng(3).binomial(w.target, share).astype(w.target.dtype))


@needs("cebra")
def test_cebra_trains_as_long_as_the_package_does_by_default() -> None:
    from cebra import CEBRA

    ours, theirs = models.get_class("cebra").Params(), CEBRA()
    assert ours.max_iterations == theirs.max_iterations
    assert ours.learning_rate == theirs.learning_rate
    assert ours.hidden_size == theirs.num_hidden_units
    assert ours.n_latents == theirs.output_dimension


@needs("cebra")
def test_cebra_embeds_consecutive_bins_close_to_each_other(halves: Halves) -> None:
    """Consecutive bins lie nearer in the embedding than bins of other windows, and training causes that."""

    def closeness(iterations: int) -> float:
        w = halves[1][0]
        settings = {"max_iterations": iterations, "n_segments": w.n_bins, "time_offset_s": 0.1}  # one bin a segment
        model = models.create("cebra", settings)
        model.fit(halves[0], [], np.random.default_rng(0))
        z = model.features(w, model.fits[w.recording]).reshape(len(w), w.n_bins, -1)
        np.testing.assert_allclose(np.linalg.norm(z, axis=2), 1, rtol=1e-4)
        return float((z[:, 1:] * z[:, :-1]).sum(axis=2).mean() - np.einsum("itk,jtk->ij", z, z).mean() / w.n_bins)

    assert closeness(200) > closeness(1) + 0.1


@needs("cebra")
def test_cebra_decodes_labels_that_the_counts_separate(halves: Halves) -> None:
    """Counts that clearly separate the labels: the embedding, fitted without labels, keeps them separate."""
    train, test = ([marked(w) for w in side] for side in halves)
    model = models.create("cebra", {"max_iterations": 300})
    model.fit(train, [], np.random.default_rng(0))
    correct = [(model.decide(model.predict(w).probabilities, w.recording) == w.label)[w.labelled] for w in test]
    right = np.concatenate(correct)
    assert right.mean() > 0.9


def marked(w: Windows) -> Windows:
    source = w.source.copy()
    source[w.label == 1, :, : source.shape[2] // 2] += 2
    return replace(w, source=source)


def test_no_extra_is_imported_before_it_is_used() -> None:
    for name in EXTRAS:
        lines = Path(models.__path__[0], f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert not [
            line for line in lines if line.startswith(("import cebra", "from cebra", "import jax", "from nemos"))
        ]
