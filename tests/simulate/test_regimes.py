"""The regimes against their equations: what is transferred, the rates that follow, the state in source and file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from spikebridge.artifacts.truth import load_truth, save_truth, truth_path
from spikebridge.config import SimulateConfig
from spikebridge.simulate import STEP_S, Session, simulate, simulate_session
from spikebridge.simulate.processes import ornstein_uhlenbeck
from spikebridge.simulate.regimes import (
    EVIDENCE_TAU_S,
    SATURATION,
    SATURATION_GAIN,
    integral_sd,
    leaky_integral,
    two_states,
)
from spikebridge.simulate.session import INDECISION, THETA_HZ

SMALL: dict[str, Any] = {"n_trials": 60, "n_source_units": (20, 20), "n_target_units": (15, 15)}
PURE: dict[str, Any] = {"private_gain": 0.0, "drift": 0.0, "refractory_s": 0.0}
REGIMES = ("linear", "gated", "integrated", "theta")


def make(seed: int = 0, **knobs: Any) -> Session:
    return simulate_session(SimulateConfig(**(SMALL | knobs)), np.random.default_rng(seed), "day", "rat")


def test_the_linear_regime_is_what_it_was_before_there_were_others(tmp_path: Path) -> None:
    """The digest was taken from the simulator before it had regimes."""
    knobs = SimulateConfig(n_trials=30, n_source_units=(6, 6), n_target_units=(5, 5))
    session = simulate_session(knobs, np.random.default_rng(7), "d", "r")
    content = b"".join(np.round(times * 1e6).astype("<i8").tobytes() for times in session.spikes)
    assert hashlib.sha256(content).hexdigest() == "b263f726eb9a1e29836cfe45d3aa6d1e60a400779e59edf1766c3de768f92cde"
    with np.load(save_truth(session.truth, tmp_path, "d")) as z:
        assert {"shared", "target_loadings"} < set(z.files)
        assert not {"regime", "transferred"} & set(z.files)


def test_rat_trials_and_units_are_the_same_in_every_regime() -> None:
    sessions = [make(regime=regime) for regime in REGIMES]
    for other in sessions[1:]:
        assert other.trials.equals(sessions[0].trials)
        np.testing.assert_array_equal(other.position_m, sessions[0].position_m)
        np.testing.assert_array_equal(other.truth.target.loadings, sessions[0].truth.target.loadings)
        np.testing.assert_array_equal(other.truth.private, sessions[0].truth.private)


def transferred(session: Session, knobs: SimulateConfig) -> np.ndarray:
    """(time, latent): what the equations of the regime make of the truth's latents, computed step by step."""
    z, time_s = session.truth.shared, session.time_s
    if knobs.regime == "gated":
        return z[:, :4] * z[:, 4:]
    if knobs.regime == "theta":
        gain = 1 + knobs.theta_transfer_depth * np.cos(2 * np.pi * THETA_HZ * time_s)
        return z[:, :4] * (gain / np.sqrt(np.mean(gain**2)))[:, None]
    if knobs.regime == "linear":
        return z
    keep, total, summed = np.exp(-STEP_S / knobs.integration_s), np.zeros(2), []
    for momentary in z[:, 2:]:
        total = keep * total + momentary * STEP_S
        summed.append(total)
    sd = knobs.integration_s * np.sqrt(EVIDENCE_TAU_S / (knobs.integration_s + EVIDENCE_TAU_S))
    scaled = np.array(summed) / sd / [INDECISION, 1.0]
    return np.column_stack([z[:, :2], SATURATION_GAIN * np.tanh(SATURATION * scaled)])


def misfit(session: Session, relative: np.ndarray) -> tuple[float, int]:
    """Chi-square of the target's spikes in deciles of the expected rate, and its degrees of freedom.

    relative: (time, unit), expected rates up to one constant for each unit.
    """
    target = [s for s, region in zip(session.spikes, session.regions, strict=True) if region == "PFC"]
    chi, freedom = 0.0, 0
    for times, rate in zip(target, relative.T, strict=True):
        decile = np.searchsorted(np.quantile(rate, np.linspace(0.1, 0.9, 9)), rate)
        step = np.minimum((times / STEP_S).astype(int), len(rate) - 1)
        counted = np.bincount(decile[step], minlength=10)
        expected = np.bincount(decile, weights=rate, minlength=10) * len(times) / rate.sum()
        used = expected > 0  # a closed gate makes deciles equal
        chi += float((np.square(counted - expected)[used] / expected[used]).sum())
        freedom += int(used.sum()) - 1
    return chi, freedom


@pytest.mark.parametrize("regime", REGIMES)
def test_target_rates_follow_the_equations_of_the_regime(regime: str) -> None:
    knobs = SimulateConfig(**SMALL, **PURE, regime=regime, theta_transfer_depth=0.8)
    session = simulate_session(knobs, np.random.default_rng(2), "day", "rat")
    x = transferred(session, knobs)
    if regime != "linear":
        assert session.truth.transferred is not None
        np.testing.assert_allclose(session.truth.transferred, x, rtol=1e-4, atol=1e-9)
    before = np.maximum(np.arange(len(x)) - round(knobs.lag_s / STEP_S), 0)
    chi, freedom = misfit(session, np.exp(x[before] @ session.truth.target.loadings.T))
    assert chi < freedom + 5 * np.sqrt(2 * freedom)
    if regime != "linear":  # the same spikes refute rates that are linear in the shared latents
        chi, _ = misfit(session, np.exp(session.truth.shared[before, :4] @ session.truth.target.loadings.T))
        assert chi > 3 * freedom


def test_two_states_stay_for_the_mean_time() -> None:
    states = two_states(np.random.default_rng(1), 400_000, 2.0, STEP_S)
    assert set(np.unique(states)) == {0.0, 1.0}
    assert states.mean() == pytest.approx(0.5, abs=0.04)
    assert 400_000 * STEP_S / np.count_nonzero(np.diff(states)) == pytest.approx(2.0, rel=0.08)


def test_leaky_integral_has_the_variance_of_its_formula() -> None:
    evidence = ornstein_uhlenbeck(np.random.default_rng(1), 600_000, 1, EVIDENCE_TAU_S)
    for tau_s in (0.5, 2.0):
        assert leaky_integral(evidence, tau_s, STEP_S).std() == pytest.approx(
            integral_sd(EVIDENCE_TAU_S, tau_s), rel=0.08
        )


def test_the_source_shows_the_gate_and_the_file_has_it_only_where_it_is_observed(tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO

    session = make(regime="gated", n_trials=120)
    assert session.truth.names[-1] == "gate" and session.truth.shared.shape[1] == 5
    assert session.truth.source.loadings.shape == (20, 5) and session.truth.target.loadings.shape == (15, 4)
    edges = np.arange(0, session.time_s[-1], 0.5)
    counts = np.stack([np.histogram(s, edges)[0] for s in session.spikes[:20]], axis=1)
    x = np.column_stack([counts, np.ones(len(counts))])
    gate = np.interp(edges[:-1] + 0.25, session.time_s, session.truth.shared[:, 4])
    half = len(x) // 2
    guess = x[half:] @ np.linalg.lstsq(x[:half], gate[:half], rcond=None)[0]
    assert np.corrcoef(guess, gate[half:])[0, 1] > 0.5
    for gate_is in ("hidden", "observed"):
        knobs = SimulateConfig(n_recordings=1, regime="gated", gate=gate_is, **(SMALL | {"n_trials": 8}))
        (path,) = simulate(knobs, 1, tmp_path / gate_is)
        with NWBHDF5IO(str(path), "r") as io:
            series = io.read().processing["behavior"].data_interfaces
            assert ("gate" in series) == (gate_is == "observed")
            if gate_is == "observed":
                truth = load_truth(truth_path(tmp_path / gate_is, path.stem))
                np.testing.assert_array_equal(series["gate"].data[:], truth.shared[::5, 4])
                assert truth.regime == "gated"


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"regime": "theta", "theta": 0.0}, "expected theta above 0"),
        ({"regime": "integrated", "n_shared_latents": 2}, r"expected n_shared_latents of 3 or 4.*got 2"),
        ({"regime": "gatd"}, "regime"),
        ({"regime": "gated", "gate_dwell_s": 0.0}, "gate_dwell_s"),
        ({"regime": "integrated", "integration_s": -1.0}, "integration_s"),
        ({"regime": "theta", "theta_transfer_depth": -0.1}, "theta_transfer_depth"),
        ({"regime": "gated", "gate": "open"}, "gate"),
    ],
)
def test_parameters_that_make_no_regime_are_refused(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SimulateConfig(**knobs)


def test_few_latents_and_no_coupling_keep_their_meaning() -> None:
    session = make(regime="gated", n_shared_latents=2, coupling=0.0)
    assert session.truth.names == ("position_cos", "position_sin", "gate") and session.truth.dimension == 0
    assert session.truth.transferred is not None and session.truth.transferred.shape[1] == 2
    assert not session.truth.target.loadings.any()
