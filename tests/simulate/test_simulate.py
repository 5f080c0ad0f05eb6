"""The simulator against its own equations: rates, lag, drift, refractoriness, labels, determinism."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from spikebridge.artifacts.truth import load_truth, truth_path
from spikebridge.config import SimulateConfig
from spikebridge.simulate import STEP_S, Session, simulate, simulate_session
from spikebridge.simulate.processes import draw_spikes, ornstein_uhlenbeck

SMALL = {"n_trials": 60, "n_source_units": (20, 20), "n_target_units": (20, 20)}


def make(seed: int = 0, **knobs: object) -> Session:
    return simulate_session(SimulateConfig(**(SMALL | knobs)), np.random.default_rng(seed), "rat1_day1", "rat1")


def counts(session: Session, region: str, bin_s: float = 0.02) -> np.ndarray:
    edges = np.arange(0, session.time_s[-1], bin_s)
    return np.stack(
        [np.histogram(s, edges)[0] for s, r in zip(session.spikes, session.regions, strict=True) if r == region], axis=1
    )


def best_lag_s(session: Session, region: str) -> float:
    """Lag at which the region's units covary most with the true deliberation: no model of ours involved."""
    spikes = counts(session, region)
    deliberation = np.interp((np.arange(len(spikes)) + 0.5) * 0.02, session.time_s, session.truth.shared[:, 2])
    y, x = spikes - spikes.mean(axis=0), deliberation - deliberation.mean()
    power = [np.square(x[: len(x) - lag] @ y[lag:] / (len(x) - lag)).sum() for lag in range(21)]
    return int(np.argmax(power)) * 0.02


def test_units_trials_and_task_are_as_asked() -> None:
    session = make()
    assert session.regions == ["HC"] * 20 + ["PFC"] * 20
    t = session.trials
    assert len(t) == 60
    assert (t.start_time < t.offer_time).all() and (t.offer_time < t.decision_time).all()
    assert (t.decision_time <= t.stop_time).all() and (t.stop_time.values[:-1] <= t.start_time.values[1:] + 1e-9).all()
    assert set(t.choice) == {"stay", "skip"}
    assert t.delay_s[t.choice == "stay"].mean() < t.delay_s[t.choice == "skip"].mean()
    running = np.interp(t.start_time + 1.0, session.time_s, session.speed_m_s)
    deciding = np.interp(t.decision_time - 0.3, session.time_s, session.speed_m_s)
    assert deciding.mean() < 0.7 * running.mean()  # m/s: the rat has slowed down to decide
    assert 0.1 < running.mean() < 1.0


def test_rates_follow_the_log_linear_model() -> None:
    """A unit's spikes at times of high shared drive are as many as exp(loading * latent) says, to a few per cent."""
    rng = np.random.default_rng(3)
    rate = np.exp(
        np.column_stack(
            [np.log(5) + 0.8 * ornstein_uhlenbeck(rng, 60_000, 1, 1.0)[:, 0], np.full(60_000, np.log(20.0))]
        )
    )
    spikes = draw_spikes(rng, rate, 0.0)
    assert len(spikes[0]) == pytest.approx(rate[:, 0].sum() * STEP_S, rel=0.05)
    assert len(spikes[1]) == pytest.approx(20 * 600, rel=0.03)
    high = rate[:, 0] > np.quantile(rate[:, 0], 0.75)
    step = np.minimum((spikes[0] / STEP_S).astype(int), 59_999)
    assert high[step].sum() == pytest.approx(rate[high, 0].sum() * STEP_S, rel=0.07)


def test_autoregressive_latents_have_unit_variance_and_the_stated_time_constant() -> None:
    x = ornstein_uhlenbeck(np.random.default_rng(0), 400_000, 1, tau_s=0.5)[:, 0]
    assert x.std() == pytest.approx(1.0, abs=0.03)
    lag = int(0.5 / STEP_S)
    assert np.mean(x[:-lag] * x[lag:]) == pytest.approx(np.exp(-1), abs=0.03)


@pytest.mark.parametrize("refractory_s", [0.0, 0.002, 0.01])
def test_refractory_period(refractory_s: float) -> None:
    shortest = min(np.diff(s).min() for s in make(refractory_s=refractory_s).spikes)
    assert shortest >= refractory_s - 1e-9
    if refractory_s == 0:
        assert shortest < 0.002


@pytest.mark.parametrize("lag_s", [0.0, 0.1, 0.2])
def test_target_follows_source_by_the_lag(lag_s: float) -> None:
    session = make(lag_s=lag_s, private_gain=0.0, drift=0.0, theta=0.0, n_trials=200)
    assert best_lag_s(session, "HC") == pytest.approx(0.0, abs=0.041)
    assert best_lag_s(session, "PFC") == pytest.approx(lag_s, abs=0.041)
    assert session.truth.lag_s == lag_s


def test_theta_modulates_the_source_alone() -> None:
    session = make(theta=1.0, drift=0.0)
    for region, low, high in (("HC", 0.2, 1.0), ("PFC", 0.0, 0.06)):
        times = np.concatenate([s for s, r in zip(session.spikes, session.regions, strict=True) if r == region])
        depth = abs(np.exp(2j * np.pi * 8.0 * times).mean())
        assert low <= depth <= high, region


def test_drift_moves_rates_slowly() -> None:
    """Variance of a unit's log rate over minutes: near zero without drift."""

    def slow(session: Session) -> float:
        minutes = counts(session, "PFC", bin_s=60.0)[:-1]
        return float(np.var(np.log(minutes + 1), axis=0).mean())

    assert slow(make(drift=0.6)) > 3 * slow(make(drift=0.0))


def label_score(session: Session) -> float:
    """Held-out accuracy of the choice from true deliberation before the decision, relative to the majority's."""
    t = session.trials
    grid = t.decision_time.values[:, None] - np.linspace(1.5, 0.05, 8)
    x = np.interp(grid, session.time_s, session.truth.shared[:, 2])
    y = (t.choice == "stay").values
    half = len(y) // 2
    model = LogisticRegression().fit(x[:half], y[:half])
    return float(model.score(x[half:], y[half:]) - max(y[half:].mean(), 1 - y[half:].mean()))


@pytest.mark.slow
def test_label_information() -> None:
    assert label_score(make(n_trials=300, label_information=1.0)) > 0.2
    assert label_score(make(n_trials=300, label_information=0.0)) < 0.05


def test_without_coupling_the_regions_share_nothing_but_the_truth_says_so() -> None:
    session = make(coupling=0.0, drift=0.0)
    assert session.truth.dimension == 0
    x, y = counts(session, "HC", 0.1), counts(session, "PFC", 0.1)
    r = np.corrcoef(x.T, y.T)[:20, 20:]
    coupled = make(drift=0.0)
    r_coupled = np.corrcoef(counts(coupled, "HC", 0.1).T, counts(coupled, "PFC", 0.1).T)[:20, 20:]
    assert np.abs(r).mean() < 1.5 * np.sqrt(2 / np.pi / len(x)) < np.abs(r_coupled).mean() / 3


def deliberation_in_target(session: Session, deliberation: np.ndarray) -> float:
    """Largest correlation of a target unit with the deliberation of the same rat, delayed by the lag."""
    y = counts(session, "PFC", 0.1)
    at = (np.arange(len(y)) + 0.5) * 0.1 - session.truth.lag_s
    x = np.interp(at, session.time_s, deliberation)
    return float(np.abs(np.corrcoef(y.T, x)[-1, :-1]).max())


def test_dimension_says_how_many_latents_reach_the_target() -> None:
    full, flat = make(drift=0.0), make(drift=0.0, n_shared_latents=2)
    deliberation = full.truth.shared[:, 2]
    assert (full.truth.dimension, flat.truth.dimension) == (4, 2)
    assert flat.truth.names == ("position_cos", "position_sin") and flat.truth.shared.shape[1] == 2
    np.testing.assert_array_equal(full.truth.shared[:, :2], flat.truth.shared)  # the same rat on the same day
    assert deliberation_in_target(full, deliberation) > 0.2 > 2 * deliberation_in_target(flat, deliberation)


def test_files_are_the_same_for_the_same_seed_only(tmp_path: Path) -> None:
    knobs = SimulateConfig(n_recordings=2, **(SMALL | {"n_trials": 8}))
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        paths = simulate(knobs, seed, tmp_path / name)
        assert [p.name for p in paths] == ["rat1_day1.nwb", "rat2_day1.nwb"]
        truth = [load_truth(truth_path(tmp_path / name, p.stem)).shared for p in paths]
        contents.append(([p.read_bytes() for p in paths], truth))
    assert contents[0][0] == contents[1][0]
    assert contents[0][0] != contents[2][0]
    assert not np.array_equal(contents[0][1][0][:100], contents[0][1][1][:100])


@pytest.mark.slow
def test_files_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    knobs = SimulateConfig(n_recordings=2, **(SMALL | {"n_trials": 8}))
    one_worker, two_workers = simulate(knobs, 1, tmp_path / "one"), simulate(knobs, 1, tmp_path / "two", workers=2)
    assert [p.name for p in one_worker] == [p.name for p in two_workers]
    for path in (tmp_path / "one").rglob("*.n*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_more_recordings_leave_the_first_as_they_were(tmp_path: Path) -> None:
    few = simulate(SimulateConfig(n_recordings=1, **(SMALL | {"n_trials": 8})), 1, tmp_path / "few")
    many = simulate(SimulateConfig(n_recordings=2, **(SMALL | {"n_trials": 8})), 1, tmp_path / "many")
    assert few[0].read_bytes() == many[0].read_bytes()
