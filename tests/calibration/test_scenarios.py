"""The simulated studies are what they are said to be: independence, streaks, drift, equal thirds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikebridge.calibration import scenarios
from spikebridge.calibration.scenarios import SPACING_S, Drift, Setting, draw_setting
from spikebridge.types import Windows

SETTING = Setting(
    recordings=4, animals=2, trials=120, share=0.6, streak=0.0, choice_drift=Drift(0.0, 300.0),
    rate_drift=Drift(0.0, 300.0), common=0.3, units=(15, 10),
)  # fmt: skip
TIMES = np.arange(4000) * SPACING_S


def lagged(x: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(x[:-lag], x[lag:])[0, 1])


def test_settings_cover_what_is_promised() -> None:
    drawn = [draw_setting(np.random.default_rng(k)) for k in range(300)]
    assert {s.recordings for s in drawn} == set(range(4, 13))
    assert {s.animals for s in drawn} == {2, 3, 4}
    assert min(s.trials for s in drawn) < 65 and max(s.trials for s in drawn) > 145
    assert all(0.5 <= s.share <= 0.75 for s in drawn)
    assert all(120 <= t <= s.trials * SPACING_S for s in drawn for t in (s.choice_drift.tau_s, s.rate_drift.tau_s))
    assert all(s.units[0] % scenarios.THIRDS == 0 for s in drawn)


def test_choices_are_unbalanced_and_otherwise_a_coin() -> None:
    label = scenarios.choices(TIMES, SETTING, np.random.default_rng(0))
    assert max(label.mean(), 1 - label.mean()) == pytest.approx(0.6, abs=0.03)
    assert abs(lagged(label, 1)) < 0.05


def test_choices_repeat_themselves() -> None:
    label = scenarios.choices(TIMES, replace(SETTING, streak=1.0, share=0.5), np.random.default_rng(0))
    # P(same) - P(other) of a symmetric chain with log odds +-1
    assert lagged(label, 1) == pytest.approx(np.tanh(0.5), abs=0.05)
    assert abs(lagged(label, 30)) < 0.06


def test_choices_drift() -> None:
    label = scenarios.choices(TIMES, replace(SETTING, choice_drift=Drift(1.0, 600.0)), np.random.default_rng(0))
    near, far = lagged(label, 20), lagged(label, 400)
    assert near > 0.08 and near > far + 0.05


def test_drift_has_the_covariance_that_it_names() -> None:
    """exp(-|t - s| / tau), of unit variance, at uneven times."""
    times = np.array([0.0, 40.0, 100.0, 400.0])
    x = scenarios.ornstein_uhlenbeck_at(times, 100.0, 40_000, np.random.default_rng(0))
    wanted = np.exp(-np.abs(times[:, None] - times) / 100.0)
    assert np.allclose(np.cov(x), wanted, atol=0.03)


def test_rates_drift_where_asked() -> None:
    still, moving = (
        scenarios.recordings(
            replace(SETTING, trials=400, rate_drift=Drift(d, 300.0)), "nothing", np.random.default_rng(1)
        )[0]
        for d in (0.0, 0.5)
    )
    memory = [np.mean([lagged(u, 3) for u in w.source.sum(axis=1).T.astype(float)]) for w in (still, moving)]
    assert abs(memory[0]) < 0.05 and memory[1] > 0.3


def correlations(w: Windows) -> np.ndarray:
    """Of the label with every unit's count, z-scored under independence of trials."""
    counts = np.concatenate([w.source, w.target], axis=2).sum(axis=1, dtype=float)
    r = [np.corrcoef(w.label, u)[0, 1] for u in counts.T]
    return np.array(r) * np.sqrt(len(w))


def test_nothing_has_no_relation() -> None:
    """Without drift, spikes and choices, and the two regions, are plainly independent."""
    parts = [w for k in range(5) for w in scenarios.recordings(SETTING, "nothing", np.random.default_rng(k))]
    z = np.concatenate([correlations(w) for w in parts])
    assert np.std(z) == pytest.approx(1.0, abs=0.1) and abs(z.mean()) < 0.15
    between = [
        np.corrcoef(w.source[..., i].ravel(), w.target[..., i].ravel())[0, 1] * np.sqrt(w.target[..., i].size)
        for w in parts
        for i in range(10)
    ]
    assert np.std(between) == pytest.approx(1.0, abs=0.15)


def test_drift_alone_makes_nonsense_correlations() -> None:
    """What Harris 2020 warns of is really in the studies: far beyond what independent trials would give."""
    drifting = replace(SETTING, choice_drift=Drift(1.5, 1000.0), rate_drift=Drift(0.5, 1000.0))
    parts = [w for k in range(10) for w in scenarios.recordings(drifting, "nothing", np.random.default_rng(k))]
    assert np.std(np.concatenate([correlations(w) for w in parts])) > 1.2


def test_equal_thirds_know_equally_much() -> None:
    parts = [w for k in range(10) for w in scenarios.recordings(SETTING, "equal", np.random.default_rng(k))]
    each = np.array([[np.square(correlations(scenarios.third(w, k))[:5]).mean() for k in range(3)] for w in parts])
    assert (each.mean(axis=0) > 1.5).all()  # they know something
    difference = each[:, 0] - each[:, 1]
    assert abs(difference.mean()) < 2.5 * difference.std(ddof=1) / np.sqrt(len(parts))
    w = parts[0]
    assert sorted(np.concatenate([scenarios.third(w, k).source_units for k in range(3)])) == w.source_units.tolist()


def test_equal_couples_the_regions() -> None:
    w = scenarios.recordings(replace(SETTING, trials=500), "equal", np.random.default_rng(0))[0]
    strongest = np.abs(
        np.corrcoef(*(a.reshape(-1, a.shape[2]).T.astype(float) for a in (w.source, w.target)))[:15, 15:]
    )
    assert strongest.max() > 0.1


def test_settings_of_unseen_recordings() -> None:
    drawn = [scenarios.draw_unseen(np.random.default_rng(k)) for k in range(100)]
    assert {s.by for s in drawn} == {"animal", "recording"}
    assert {s.animals for s in drawn} == {3} and min(s.recordings for s in drawn) >= 6


@pytest.mark.parametrize("scenario", scenarios.UNSEEN)
def test_spikes_of_unseen_recordings_say_nothing_of_the_choice(scenario: scenarios.Scenario) -> None:
    """Choices follow the delay, spikes the place, and nothing joins the two."""
    parts = [w for k in range(6) for w in scenarios.recordings(SETTING, scenario, np.random.default_rng(k))]
    z = np.concatenate([correlations(w) for w in parts])
    assert np.std(z) == pytest.approx(1.0, abs=0.1) and abs(z.mean()) < 0.15
    delay = [np.corrcoef(w.label, w.covariate("column delay_s"))[0, 1] for w in parts]
    assert np.mean(delay) < -0.2
    place = [variance_of_place(w.source) for w in parts]
    assert np.mean(place) > 0.1


def variance_of_place(counts: np.ndarray) -> float:
    """Share of the variance of a unit's spikes in a trial, beyond chance, that the place explains; places in turn."""
    x = counts.sum(axis=1, dtype=float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return float(np.mean([np.var([u[k::4].mean() for k in range(4)]) for u in x.T]) - 3 / len(x))


def test_unseen_recordings_are_coupled_in_one_scenario_only() -> None:
    def strongest(scenario: scenarios.Scenario) -> float:
        w = scenarios.recordings(replace(SETTING, trials=500), scenario, np.random.default_rng(0))[0]
        source, target = (a.reshape(-1, a.shape[2]).T.astype(float) for a in (w.source, w.target))
        return float(np.abs(np.corrcoef(source, target)[:15, 15:]).max() * np.sqrt(source.shape[1]))

    assert strongest("unseen_coupled") > 10
    assert strongest("unseen_nothing") < 4.5  # the largest of 150 under independence is about 3


def test_the_choice_is_shared_in_equal() -> None:
    """Otherwise the latents that translate would say nothing of it."""
    steady = [w for k in range(10) for w in scenarios.recordings(SETTING, "equal", np.random.default_rng(k))]
    target = np.concatenate([correlations(w)[w.source.shape[2] :] for w in steady])
    assert np.std(target) > 1.5


def test_recordings_are_reproducible() -> None:
    first, again = (scenarios.recordings(SETTING, "equal", np.random.default_rng(3)) for _ in range(2))
    assert [w.digest() for w in first] == [w.digest() for w in again]
