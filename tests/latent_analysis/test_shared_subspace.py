"""Modes of a translation, what they contribute and how they lie in each region, on simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from studies import simulated_windows, small_config

from spikebridge import models
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.baseline import Baselines
from spikebridge.config import BaselineConfig, Config
from spikebridge.latent_analysis import ablation, alignment
from spikebridge.latent_analysis.alignment import (
    Activity,
    alignment_rows,
    predicted_parts,
    subspace_parts,
    target_axes,
)
from spikebridge.latent_analysis.modes import modes_of, some, translation_modes
from spikebridge.latent_analysis.refit import Refits
from spikebridge.metrics import bits_per_spike, information, principal_angles
from spikebridge.models.seq2seq import Seq2Seq
from spikebridge.simulate import simulate_session
from spikebridge.splits import make_splits

N_TRUE = 2
SETTINGS = {
    "simulate": {
        "n_recordings": 2, "n_trials": 70, "n_source_units": [30, 32], "n_target_units": [20, 22],
        "n_shared_latents": N_TRUE,
    },
    "models": {"seq2seq": {}},
    "analysis": {"n_folds": 1},
}  # fmt: skip


def made_refits(config: Config, **params: int) -> Refits:
    """Of the first fold of a simulated study, with these settings of seq2seq."""
    data = simulated_windows(config)
    splits = make_splits(data, config.split)
    tuned = {"seq2seq": TunedFold(0, params)}
    return Refits(
        config.seed, config.analysis, data, splits, splits.folds[0], "cpu", lambda row: None, tuned,
        Baselines(BaselineConfig(drift=False)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def refits() -> Refits:
    """Of a study whose regions share two latents, with a translator of five, in two networks."""
    return made_refits(small_config(**SETTINGS), n_members=2, max_epochs=8, n_latents=5, hidden_size=16)


@pytest.fixture(scope="module")
def model(refits: Refits) -> Seq2Seq:
    fitted = refits.forward
    assert isinstance(fitted, Seq2Seq)
    return fitted


def simulated_parts(rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Latents of which two directions predict log rates, the first more; two recordings with other means."""
    parts = {}
    for name, offset in (("a", 0.0), ("b", 3.0)):
        hidden = rng.normal(size=(4000, 3))
        loadings = np.vstack([2.0 * np.eye(1, 4, 0), 0.5 * np.eye(1, 4, 2), np.zeros((1, 4))])
        mixing = np.array([[1.0, 0.3, 0], [0, 1, -2], [0.5, 0, 1]])
        parts[name] = hidden @ mixing + offset, hidden @ loadings + offset
    return parts


def test_modes_are_uncorrelated_ordered_and_find_what_predicts() -> None:
    parts = simulated_parts(np.random.default_rng(0))
    modes = modes_of(parts)
    z = np.concatenate([z - modes.mean[name] for name, (z, _) in parts.items()])
    c = z @ modes.weight
    np.testing.assert_allclose(c.T @ c / len(c), np.eye(3), atol=1e-9)
    np.testing.assert_allclose(c @ modes.direction.T, z, atol=1e-9)  # all modes together are the latents
    np.testing.assert_allclose(modes.share, [4 / 4.25, 0.25 / 4.25, 0], atol=0.01)
    assert modes.n_shared(0.9) == 1 and modes.n_shared(0.95) == 2
    for name in parts:
        np.testing.assert_allclose(np.abs(modes.readout[name][0]), [2, 0, 0, 0], atol=0.1)
        np.testing.assert_allclose(np.abs(modes.readout[name][1]), [0, 0, 0.5, 0], atol=0.1)


def test_modes_do_not_depend_on_the_axes_of_the_latents() -> None:
    parts = simulated_parts(np.random.default_rng(1))
    turn = np.random.default_rng(2).normal(size=(3, 3))
    other = modes_of({name: (z @ turn + 1.0, log_rates) for name, (z, log_rates) in parts.items()})
    modes = modes_of(parts)
    np.testing.assert_allclose(other.share, modes.share, atol=1e-9)
    for name, (z, _) in parts.items():
        c = (z - modes.mean[name]) @ modes.weight
        turned = (z @ turn + 1.0 - other.mean[name]) @ other.weight
        for k in range(2):
            assert abs(np.corrcoef(c[:, k], turned[:, k])[0, 1]) == pytest.approx(1, abs=1e-6)


def test_a_latent_that_never_moves_has_no_mode() -> None:
    parts = simulated_parts(np.random.default_rng(3))
    more = {name: (np.hstack([z, np.ones((len(z), 1))]), log_rates) for name, (z, log_rates) in parts.items()}
    assert len(modes_of(more)) == 3


def test_a_removed_mode_stays_at_its_mean_and_the_others_as_they_were(refits: Refits, model: Seq2Seq) -> None:
    modes = translation_modes(model, [train for train, _ in refits.scored()])
    _, w = refits.scored()[0]
    whole = model.predict(w)
    ablated = model.without(ablation.removal(modes, 2), *refits.learned(), np.random.default_rng(0), 0)
    without = ablated.predict(w)
    mean = modes.mean[w.recording]
    before, after = ((p.latents.astype(float) - mean) @ modes.weight for p in (whole, without))
    np.testing.assert_allclose(after[..., 1], 0, atol=2e-3)
    others = [k for k in range(len(modes)) if k != 1]
    np.testing.assert_allclose(after[..., others], before[..., others], atol=2e-3)
    assert not np.allclose(whole.rates, without.rates, rtol=0.01)
    again = model.predict(w)  # the model itself did not change
    assert np.array_equal(again.rates, whole.rates) and np.array_equal(again.probabilities, whole.probabilities)


def test_without_a_removal_the_translation_is_the_same(refits: Refits, model: Seq2Seq) -> None:
    _, w = refits.scored()[0]
    same = model.without(None, *refits.learned(), np.random.default_rng(0), 0)
    assert np.array_equal(same.predict(w).rates, model.predict(w).rates)
    assert all(d.forest is None for d in same.decoders.values())
    assert all(d.forest is not None for d in model.decoders.values())


def test_only_coupled_dimensions_contribute_to_the_target(refits: Refits) -> None:
    """The regions share two latents: there are two modes, and without one of them bits are lost."""
    table = ablation.tables(refits)["ablation"]
    assert set(table["removed"]) == {0, 1, 2}  # what the target does not follow was taken out of the five latents
    sums = table.groupby("removed")[["nats", "spikes"]].sum()
    bits = {k: bits_per_spike(sums.loc[k, "nats"], sums.loc[k, "spikes"]) for k in sums.index}
    assert min(bits[0] - bits[k] for k in (1, 2)) > 0.04
    share = table.groupby("removed")["share"].first()
    assert share[[1, 2]].sum() > 0.95
    assert np.isfinite(table["log_loss"]).all() and table["predicted"].isin([0, 1]).all()
    assert table.groupby("removed")["spikes"].sum().nunique() == 1


def test_a_removed_mode_leaves_mean_rates_as_they_were(refits: Refits, model: Seq2Seq) -> None:
    """Rates without a mode are scaled to the expected spikes of the whole translator in training windows."""
    modes = translation_modes(model, [train for train, _ in refits.scored()])
    rng = refits.rng("ablation", "read-out")
    ablated = model.without(ablation.removal(modes, 1), *refits.learned(), rng, ablation.N_TREES)
    table = ablation.tables(refits)["ablation"].query("removed == 1")
    for train, test in refits.scored():
        few = some(train)
        whole, less = (m.predict(few).rates.sum(axis=(0, 1), dtype=float) for m in (model, ablated))
        assert np.abs(less / whole - 1).max() > 1e-3  # there is something to correct
        rates = ablated.predict(test).rates * (whole / less)
        nats, _ = information(rates, test.target, train.target.mean(axis=(0, 1)))
        recording_rows = table[table["recording"] == test.recording].set_index("trial")
        np.testing.assert_allclose(recording_rows.loc[test.trial, "nats"], nats, rtol=1e-5, atol=1e-4)


def population(
    rng: np.random.Generator, n: int, private: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shared and private latent of n bins, and loadings of 12 units on each, orthogonal to each other."""
    q = np.linalg.qr(rng.normal(size=(12, 2)))[0].T
    return rng.normal(size=(n, 1)), private * rng.normal(size=(n, 1)), q[:1], q[1:]


def test_a_private_dimension_is_not_shared() -> None:
    """The variance of a latent that drives one region alone is outside the shared subspace, however large it is."""
    rng = np.random.default_rng(0)
    for private in (0.5, 3.0):
        s, p, to_shared, to_private = population(rng, 6000, private)
        x = s @ to_shared + p @ to_private
        activity = Activity(x[:3000], x[3000:], np.zeros(12), np.zeros(12), np.ones(12))
        parts = subspace_parts(activity, to_shared.T)
        assert parts["shared"] == pytest.approx(1 / (1 + private**2), abs=0.03)
        assert parts["private"] == pytest.approx(private**2 / (1 + private**2), abs=0.03)
        (row,) = alignment_rows(to_shared.T, activity)
        if private > 1:  # the component of largest variance is the private one
            assert row["angle"] > 80 and row["captured"] < 0.2 < 0.8 < row["captured_by_components"]
        else:
            assert row["angle"] < 10 and row["captured"] == pytest.approx(row["captured_by_components"], abs=0.02)


def test_the_target_s_variance_is_told_apart() -> None:
    """Counts from known log rates: baseline, shared and private variance and that of Poisson spikes are found."""
    rng = np.random.default_rng(1)
    windows, bins, units = 4000, 10, 8
    course = 0.8 * np.sin(np.arange(bins) / 2)[None, :, None] * np.ones((windows, 1, units))
    shared, private = (rng.normal(0, 1, (windows, 1, 1)) * rng.normal(0, 1, (1, 1, units)) for _ in range(2))
    rates = [3 + course, 3 + course + 0.5 * shared, 3 + course + 0.5 * shared + 0.5 * private]
    rates = [np.maximum(r, 0.05) for r in rates]
    counts = rng.poisson(rates[2])
    half = windows // 2
    activity = Activity.of(counts[:half], counts[half:], 1.0)
    parts = predicted_parts(activity, *(activity.scaled(r[half:], 1.0) for r in rates[:2]))
    smooth = [activity.scaled(r[half:], 1.0) for r in rates]
    known = {
        "baseline": np.square(smooth[0]).mean(axis=0).sum(),
        "shared": np.square(smooth[1] - smooth[0]).mean(axis=0).sum(),
        "private": np.square(smooth[2] - smooth[1]).mean(axis=0).sum(),
        "noise": np.square(activity.test - smooth[2]).mean(axis=0).sum(),
    }
    total = np.square(activity.test).mean(axis=0).sum()
    assert sum(parts.values()) == pytest.approx(1)
    for part, value in known.items():
        assert parts[part] == pytest.approx(value / total, abs=0.02)


def test_the_target_s_axes_lie_along_the_simulated_loadings(refits: Refits, model: Seq2Seq) -> None:
    modes = translation_modes(model, [train for train, _ in refits.scored()])
    for number, (train, test) in enumerate(refits.scored()):
        rng = np.random.default_rng([0, number])
        truth = simulate_session(small_config(**SETTINGS).simulate, rng, train.recording, "rat").truth
        loadings = truth.target.loadings[train.target_units - len(truth.source.units), :N_TRUE]
        activity = Activity.of(train.target, test.target, 1.0)
        axes = target_axes(modes, train, activity)[:, :N_TRUE]
        true = loadings * (activity.mean / activity.sd)[:, None]
        assert principal_angles(axes, true).max() < 25
        mixed = np.random.default_rng(number).permutation(true)  # the same loadings on other units
        assert principal_angles(axes, mixed).max() > 45


def test_two_modes_capture_more_than_a_random_plane_and_no_more_than_the_components(refits: Refits) -> None:
    made = alignment.tables(refits)
    table, variance = made["alignment"], made["shared_variance"]
    two = table[table["n_dimensions"] == N_TRUE]
    assert set(two["region"]) == {"source", "target"} and len(two) == 2 * len(refits.data)
    assert (two["captured"] > 2 * two["random"]).all()
    assert (two["captured"] < two["captured_by_components"] + 0.02).all()
    assert two["angle"].between(0, 90).all()
    shares = variance.pivot_table(index="region", columns="part", values="share")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares.loc["source", "shared"] > 0.1 and shares.loc["target", "shared"] > 0.1


def small_refits(**changes: float) -> Refits:
    """One recording without drift and theta, a small translator."""
    knobs = SETTINGS["simulate"] | {"n_recordings": 1, "theta": 0.0, "drift": 0.0} | changes
    config = small_config(**SETTINGS | {"simulate": knobs})
    return made_refits(config, n_members=1, max_epochs=5, n_latents=3, hidden_size=8)


def test_private_variance_of_the_target_is_not_counted_as_shared() -> None:
    """Without private latents in the simulation the same units have much less private variance."""
    shares = {}
    for gain in (0.0, 1.0):
        table = alignment.tables(small_refits(private_gain=gain))["shared_variance"]
        shares[gain] = table[table["region"] == "target"].set_index("part")["share"]
    assert shares[1.0]["private"] > shares[0.0]["private"] + 0.1
    assert shares[1.0]["shared"] < shares[0.0]["shared"] + 0.02


def test_without_a_link_nothing_is_shared_and_the_tables_have_their_columns() -> None:
    made = alignment.tables(small_refits(coupling=0.0))
    assert list(made["alignment"].columns) == alignment.COLUMNS
    table = made["shared_variance"]
    share = table[table["region"] == "target"].set_index("part")["share"]
    assert abs(share["shared"]) < 0.01 and share["private"] > 0.02


def test_the_second_model_can_be_ablated_too(refits: Refits) -> None:
    other = models.create("seq2seq_label_direction", {"max_epochs": 1, "hidden_size": 8, "n_latents": 3})
    other.fit(*refits.learned(), np.random.default_rng(0))
    assert isinstance(other, Seq2Seq)
    before = {name: d.weights.copy() for name, d in other.directions.items()}
    modes = translation_modes(other, [train for train, _ in refits.scored()])
    other.without(ablation.removal(modes, 1), *refits.learned(), np.random.default_rng(0), 0)
    assert all(np.array_equal(other.directions[name].weights, weights) for name, weights in before.items())


@pytest.mark.slow
def test_a_refit_whose_decisions_are_not_used_has_the_same_rates_and_latents() -> None:
    refits = made_refits(small_config(**SETTINGS), n_members=1, max_epochs=2, n_latents=3, hidden_size=8)
    whole, quick = refits.fit("reverse", decides=True), refits.fit("reverse")
    assert isinstance(whole, Seq2Seq) and isinstance(quick, Seq2Seq)
    assert any(d.forest is not None for d in whole.decoders.values())
    assert all(d.forest is None for d in quick.decoders.values())
    for w in refits.data:
        a, b = whole.predict(w), quick.predict(w)
        assert a.rates is not None and b.rates is not None and a.latents is not None and b.latents is not None
        np.testing.assert_array_equal(a.rates, b.rates)
        np.testing.assert_array_equal(a.latents, b.latents)
