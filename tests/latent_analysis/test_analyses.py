"""The stage analyze on a small simulated study: every table, and its numbers against brute force and the simulation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import PoissonRegressor
from studies import simulated_windows, small_config

from spikebridge import models
from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.tuning import TunedFold, TunedSettings, TuningRun
from spikebridge.artifacts.windows import save_windows
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, Config
from spikebridge.latent_analysis import AnalysisSections, analyze
from spikebridge.latent_analysis.attribution import tables as attribution
from spikebridge.latent_analysis.attribution import unit_shares
from spikebridge.latent_analysis.consistency import agreement, halves
from spikebridge.latent_analysis.held_out_units import (
    DIRECT,
    DIRECT_PENALTIES,
    held_out,
    poisson_readout,
    predict_from_source,
)
from spikebridge.latent_analysis.refit import Refits, reversed_direction
from spikebridge.metrics import bits_per_spike
from spikebridge.models.seq2seq.attribution import integrated_gradients, jacobian
from spikebridge.simulate import simulate_session
from spikebridge.splits import make_splits
from spikebridge.types import Windows

SETTINGS = {
    "simulate": {"n_recordings": 2, "n_trials": 60, "n_source_units": [24, 26], "n_target_units": [12, 14]},
    "models": {"seq2seq": {}},
    "analysis": {"n_folds": 1, "max_epochs": 6, "halves": ["source", "target"]},
}
NOISE = 3  # place of the unit whose counts say nothing


@pytest.fixture(scope="module")
def config() -> Config:
    return small_config(**SETTINGS)


@pytest.fixture(scope="module")
def data(config: Config) -> list[Windows]:
    """Simulated windows; one source unit of each recording has its windows shuffled."""
    made = []
    for w in simulated_windows(config):
        source = w.source.copy()
        source[:, :, NOISE] = source[np.random.default_rng(5).permutation(len(w)), :, NOISE]
        made.append(replace(w, source=source))
    return made


@pytest.fixture(scope="module")
def refits(config: Config, data: list[Windows]) -> Refits:
    splits = make_splits(data, config.split)
    params = {"n_members": 1, "max_epochs": 6, "n_latents": 4}
    tuned = {"seq2seq": TunedFold(0, params)}
    return Refits(
        config.seed,
        config.analysis,
        data,
        splits,
        splits.folds[0],
        "cpu",
        lambda row: None,
        tuned,
        Baselines(BaselineConfig(drift=False)),
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, data: list[Windows], config: Config) -> Path:
    root = tmp_path_factory.mktemp("analysed")
    (root / "windows").mkdir()
    for w in data:
        save_windows(w, root / "windows")
    save_splits(make_splits(data, config.split), root / "splits.json")
    best = [TunedFold(k, {"n_latents": 4, "hidden_size": 16}) for k in range(2)]
    TuningRun(root / "tune" / "seq2seq").write_settings(TunedSettings("seq2seq", best))
    return root


def run(study: Path, config: Config, out: str) -> Path:
    analyze(
        AnalysisSections.of(config),
        study / "windows",
        study / "splits.json",
        study / "tune",
        study / out,
        lambda row: None,
    )
    return study / out


@pytest.fixture(scope="module")
def analysed(study: Path, config: Config) -> Path:
    return run(study, config, "analysis")


@pytest.mark.slow
def test_source_tells_and_both_directions_are_scored_on_the_same_windows(analysed: Path) -> None:
    table = pd.read_csv(analysed / "direction.csv")
    both = [rows for _, rows in table.groupby("direction")]
    assert both[0]["trial"].tolist() == both[1]["trial"].tolist()
    assert not np.allclose(both[0]["spikes"], both[1]["spikes"])
    for rows in both:  # the simulated regions share latents, so each tells of the other
        assert bits_per_spike(rows["nats"], rows["spikes"]) > 0.02


def test_reverse_is_the_model_on_exchanged_windows(data: list[Windows], refits: Refits) -> None:
    back = reversed_direction(data[0])
    np.testing.assert_array_equal(back.source, data[0].target)
    np.testing.assert_array_equal(back.target_units, data[0].source_units)
    assert reversed_direction(back).digest() == data[0].digest()


@pytest.mark.slow
def test_consistency_is_high_between_seeds_and_halves_part_the_units(analysed: Path, refits: Refits) -> None:
    table = pd.read_csv(analysed / "consistency.csv")
    assert set(table["compared"]) == {"seeds", "source_halves", "target_halves"}
    mean = table.groupby("compared")["r2"].mean()
    assert mean["seeds"] > mean["source_halves"]  # half of the units see less, the same units see the same
    assert mean["seeds"] > 0.7
    assert mean["source_halves"] > 0.2
    w = refits.data[0]
    a, b = halves(refits, w, "source")
    assert sorted([*a, *b]) == list(range(w.source.shape[2]))


def test_agreement_is_one_for_a_linear_map_and_none_for_chance() -> None:
    rng = np.random.default_rng(2)
    z = [rng.normal(size=(200, 5, 3)) for _ in range(2)]
    turned = [a @ np.array([[1.0, 2, 0], [0, 1, 0], [3, 0, 1]]) + 4 for a in z]
    assert agreement(z, turned) == pytest.approx(1)
    noisy = [a + rng.normal(size=a.shape) for a in z]
    assert agreement(z, noisy) == pytest.approx(0.5, abs=0.05)  # half of the variance is shared, either way
    assert agreement(z, [rng.normal(size=a.shape) for a in z]) == pytest.approx(0, abs=0.05)


def test_held_out_units_are_a_third_and_are_told(analysed: Path, refits: Refits) -> None:
    for w in refits.data:
        assert held_out(refits, w).sum() == round(w.target.shape[2] / 3)
    table = pd.read_csv(analysed / "held_out_units.csv")
    assert set(table["readout"]) == {"latents", "source", "source_poisson"}
    sums = table[table["readout"] == "latents"].groupby("n_trials")[["nats", "spikes"]].sum()
    assert bits_per_spike(sums.loc[0, "nats"], sums.loc[0, "spikes"]) > 0.01
    assert sums["spikes"].nunique() == 1  # however few trials, the same test spikes
    few = table.groupby(["readout", "n_trials"])[["nats", "spikes"]].sum()
    assert few["spikes"].nunique() == 1  # and whatever the read-out
    told = {name: bits_per_spike(*few.loc[(name, 0), ["nats", "spikes"]]) for name in ("source", "source_poisson")}
    assert told["source_poisson"] == pytest.approx(told["source"], abs=0.05)  # the same predictors, another likelihood
    assert told["source_poisson"] > 0


def test_the_direct_regressions_are_those_models_at_the_penalty_that_predicts_best(data: list[Windows]) -> None:
    w = data[0]
    some, test = w.select(np.arange(40)), w.select(np.arange(45, 60))
    for name in DIRECT.values():
        rates = predict_from_source(name, some, test, np.random.default_rng(0))
        fits = []
        for penalty in DIRECT_PENALTIES:
            model = models.create(name, {"penalty": penalty, "smoothing_s": 0.1})
            model.fit([some], [], np.random.default_rng(0))
            fits.append(np.abs(model.predict(test).rates - rates).max())
        assert min(fits) < 1e-6 < max(fits)


def test_readout_is_poisson_regression() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(40, 10, 3))
    counts = rng.poisson(np.exp(-0.5 + z @ rng.normal(0, 0.4, (3, 2))))
    counts[:, :, 1] = 0
    rates = poisson_readout(z, counts, z, 1e-9)
    oracle = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(z.reshape(-1, 3), counts[:, :, 0].ravel())
    np.testing.assert_allclose(rates[:, :, 0].ravel(), oracle.predict(z.reshape(-1, 3)), rtol=1e-3)
    np.testing.assert_allclose(rates[:, :, 1], 0.5 / 400)


def test_the_jacobian_is_that_of_finite_differences(refits: Refits) -> None:
    model = refits.forward
    assert isinstance(model, models.get_class("seq2seq"))
    _, w = refits.scored()[0]
    derivatives = jacobian(model.translator, w)
    assert derivatives.shape == (w.source.shape[2], 4)
    step, counts = 0.05, w.source.astype(np.float32)
    for unit in (0, NOISE, w.source.shape[2] - 1):
        sides = []
        for sign in (-1, 1):
            moved = counts.copy()
            moved[:, :, unit] += sign * step
            sides.append(model.predict(replace(w, source=moved)).latents.astype(np.float64).mean(axis=(0, 1)))
        np.testing.assert_allclose(derivatives[unit], (sides[1] - sides[0]) / (2 * step), rtol=0.05, atol=2e-3)


def mean_latents(model: Any, w: Windows, share: float = 1.0) -> np.ndarray:
    """(window, latent): mean over bins, at this share of the path from the baseline (0) to the windows' counts (1)."""
    dataset = model.translator.dataset(w)
    with torch.no_grad():
        z = model.translator.encode(w.recording, share * dataset.inputs(slice(0, len(w))))
    return z.mean(dim=1).numpy().astype(np.float64)


def test_integrated_gradients_add_up_to_what_the_latents_move(refits: Refits) -> None:
    """Completeness: over units, the latents less those of a source at its mean (Sundararajan et al. 2017)."""
    model = refits.forward
    assert isinstance(model, models.get_class("seq2seq"))
    for _, test in refits.scored():
        w = test.select(np.arange(20))
        moved = mean_latents(model, w) - mean_latents(model, w, 0.0)
        np.testing.assert_allclose(mean_latents(model, w), model.predict(w).latents.mean(axis=1), atol=1e-5)
        errors = [
            np.sqrt(np.mean((integrated_gradients(model.translator, w, n).sum(axis=1) - moved) ** 2))
            for n in (1, 4, 16)
        ]
        assert errors[-1] < 0.02 * moved.std()
        assert errors[-1] < errors[1] < errors[0]


def test_attribution_finds_the_units_that_carry_the_latents(config: Config, refits: Refits) -> None:
    table = attribution(refits)["attribution_units"]
    correlations, loadings = [], []
    for number, w in enumerate(refits.data):
        rng = np.random.default_rng([0, number])
        truth = simulate_session(config.simulate, rng, w.recording, "rat").truth
        loading = pd.Series(np.linalg.norm(truth.source.loadings, axis=1))[w.source_units].to_numpy()
        share = table[table["recording"] == w.recording]["share"].to_numpy()
        assert share.sum() == pytest.approx(1)
        assert share[NOISE] < 0.5 / len(share)  # half of an equal share at most
        integrated = table[table["recording"] == w.recording]["share_integrated"].to_numpy()
        assert integrated.sum() == pytest.approx(1)
        others = np.arange(len(share)) != NOISE
        rate = w.source.mean(axis=(0, 1))
        units = pd.DataFrame(
            {"share": share, "integrated": integrated, "loading": loading, "information": rate * loading**2}
        )[others]
        correlations.append(units.rank().corr().loc["information", ["share", "integrated"]])
        loadings.append(units.rank().corr()["share"])
    both = pd.concat(correlations, axis=1).mean(axis=1)
    assert both["share"] >= both["integrated"]  # why the Jacobian is the one that is reported
    mean = pd.concat(loadings, axis=1).mean(axis=1)  # by chance 0, with a standard error of 0.15
    assert mean["loading"] > 0.35
    assert mean["information"] > 0.5


def test_shares_of_a_linear_map_of_independent_units() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(0, [1, 2, 3], (200_000, 3)), np.array([[1.0, 0.5], [0.2, 0], [0, 0]])
    alone = np.array([(x[:, [u]] @ w[[u]]).var(axis=0).sum() for u in range(3)])
    np.testing.assert_allclose(unit_shares(w, x.var(axis=0)), alone / (x @ w).var(axis=0).sum(), rtol=0.02)


def test_the_same_again(study: Path, config: Config, analysed: Path) -> None:
    few = config.model_copy(update={"analysis": config.analysis.model_copy(update={"analyses": ["attribution"]})})
    again = run(study, few, "again")
    assert {p.name for p in again.iterdir()} == {"about.json", "attribution.csv", "attribution_units.csv"}
    assert (again / "attribution.csv").read_bytes() == (analysed / "attribution.csv").read_bytes()


@pytest.mark.parametrize("change", [{"models": {"ridge": {}}}, {"analysis": {"analyses": []}}])
def test_without_a_translator_or_wish_there_is_nothing_but_word_of_it(
    study: Path, change: dict[str, dict[str, object]], tmp_path: Path
) -> None:
    settings = small_config().model_copy(update={"models": {"ridge": {}}})
    if "analysis" in change:
        settings = small_config(**SETTINGS | {"analysis": {"analyses": []}})
    analyze(
        AnalysisSections.of(settings),
        study / "windows",
        study / "splits.json",
        tmp_path / "none",
        tmp_path / "out",
        lambda row: None,
    )
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["about.json"]
    assert json.loads((tmp_path / "out" / "about.json").read_text())["run"] == []
