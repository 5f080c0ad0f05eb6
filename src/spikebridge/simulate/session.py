"""Simulated foraging recordings with known truth.

A rat circles four restaurants on a loop (Restaurant Row; Steiner & Redish 2014, Nat Neurosci 17:995). At each one it is
offered a delay, deliberates, and stays or skips. Hippocampal (HC) units and prefrontal (PFC) units share four latents,
position on the loop (cosine, sine), deliberation and arousal; PFC follows HC by a known lag:

    log rate_HC(t)  = b + C z(t)                   + theta + drift
    log rate_PFC(t) = b + coupling * D z(t - lag)  + private * P w(t) + drift

Spikes are Poisson given the rates, thinned by an absolute refractory period. A von Mises place field is linear in
(cos, sin) in the log rate, so the log rates of both regions are exactly linear in z. A Poisson translator with a
low-dimensional bottleneck assumes exactly this; the README says so too. That is the regime linear, the default; in the
others something else than z reaches PFC (spikebridge.simulate.regimes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.truth import TARGET_REGION, RegionTruth, Truth
from spikebridge.config import SimulateConfig
from spikebridge.simulate.processes import STEP_S, draw_spikes, drift, ornstein_uhlenbeck
from spikebridge.simulate.regimes import Latents, state_loadings, transfer

SHARED = ("position_cos", "position_sin", "deliberation", "arousal")
SOURCE_REGION = "HC"
RESTAURANTS = 4
THETA_HZ = 8.0
INDECISION = 0.6  # SD of the part of deliberation that is independent of the choice
EVIDENCE = 0.9  # mean deliberation at the decision, signed by the choice
SOURCE_HZ, TARGET_HZ = 3.5, 4.0  # median firing rates if every latent is zero
DELIBERATION_WEIGHT, AROUSAL_WEIGHT = 0.4, 0.4  # SD over units of the weight in the log rate
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Session:
    """One simulated recording.

    Parameters
    ----------
    name, animal : str
        Names of the recording and of the animal.
    spikes : list of NDArray, shape (spike,), seconds
        Spike times of each unit.
    regions : list of str
        Region of each unit.
    trials : DataFrame
        The trial table; times in seconds.
    time_s : NDArray, shape (time,), seconds
        Time grid of the behaviour.
    position_m : NDArray, shape (time, 2), metres
        Position of the animal.
    speed_m_s : NDArray, shape (time,), metres per second
        Speed of the animal.
    truth : Truth
        The true parameters and latents.
    gate : NDArray, shape (time,), or None
        State that gates the transfer, where the file has it as a behaviour series (`simulate.gate: observed`).
    """

    name: str
    animal: str
    spikes: list[Array]
    regions: list[str]
    trials: pd.DataFrame
    time_s: Array
    position_m: Array
    speed_m_s: Array
    truth: Truth
    gate: Array | None = None


def simulate_session(settings: SimulateConfig, rng: np.random.Generator, name: str, animal: str) -> Session:
    """Simulate one recording.

    Parameters
    ----------
    settings : SimulateConfig
        Size of the session, and strength, lag and dimension of the coupling.
    rng : Generator
        Source of all random numbers.
    name, animal : str
        Names of the recording and of the animal.

    Returns
    -------
    Session
        Spikes, trials, position, and the truth.
    """
    trials, angle, evidence = _behaviour(settings, rng)
    n = len(angle)
    time_s = np.arange(n) * STEP_S
    deliberation = INDECISION * ornstein_uhlenbeck(rng, n, 1, tau_s=0.7)[:, 0] + evidence
    arousal = ornstein_uhlenbeck(rng, n, 1, tau_s=6.0)[:, 0]
    private = ornstein_uhlenbeck(rng, n, 2, tau_s=0.5)
    n_source = int(rng.integers(settings.n_source_units[0], settings.n_source_units[1] + 1))
    n_target = int(rng.integers(settings.n_target_units[0], settings.n_target_units[1] + 1))

    place, theta = np.column_stack([np.cos(angle), np.sin(angle)]), np.cos(2 * np.pi * THETA_HZ * time_s)
    parts = Latents(time_s, place, deliberation, arousal, evidence, INDECISION, theta)
    passed = transfer(settings, rng, parts)
    to_source = _loadings(rng, n_source)
    theta_depth = rng.uniform(0.5, 1.0, n_source)
    source = passed.shared @ to_source + (settings.theta * theta)[:, None] * theta_depth
    of_state = state_loadings(settings, rng, theta_depth)
    if settings.regime == "gated":
        source += (passed.state - 0.5) @ of_state
    lag = round(settings.lag_s / STEP_S)
    delayed = passed.transferred[np.maximum(np.arange(n) - lag, 0)]
    own = rng.normal(0, 0.4, (private.shape[1], n_target))
    k = settings.n_shared_latents
    to_target = settings.coupling * _loadings(rng, n_target)[:k]
    target = delayed[:, :k] @ to_target + settings.private_gain * private @ own

    spikes: list[Array] = []
    for log_gain, median_hz in ((source, SOURCE_HZ), (target, TARGET_HZ)):
        base = np.log(median_hz) + rng.normal(0, 0.4, log_gain.shape[1])
        log_rate = log_gain + base + settings.drift * drift(rng, n, log_gain.shape[1])
        spikes += draw_spikes(rng, np.exp(log_rate), settings.refractory_s)
    position = 0.6 * place
    speed = np.linalg.norm(np.gradient(position, STEP_S, axis=0), axis=1)
    truth = Truth(
        time_s=time_s,
        shared=np.column_stack([passed.shared[:, :k], passed.state]),
        private=private,
        lag_s=settings.lag_s,
        dimension=k if settings.coupling > 0 else 0,
        source=RegionTruth(SOURCE_REGION, np.arange(n_source), np.vstack([to_source[:k], of_state]).T),
        target=RegionTruth(TARGET_REGION, n_source + np.arange(n_target), to_target.T),
        names=SHARED[:k] + passed.state_names,
        regime=settings.regime,
        transferred=None if settings.regime == "linear" else passed.transferred[:, :k],
    )
    regions = [SOURCE_REGION] * n_source + [TARGET_REGION] * n_target
    gate = passed.state[:, 0] if settings.regime == "gated" and settings.gate == "observed" else None
    return Session(name, animal, spikes, regions, trials, time_s, position, speed, truth, gate)


def _behaviour(settings: SimulateConfig, rng: np.random.Generator) -> tuple[pd.DataFrame, Array, Array]:
    """Trial table, loop angle (rad), and the evidence for the choice over time, on the simulation's grid."""
    n = settings.n_trials
    restaurant = np.arange(n) % RESTAURANTS
    delay = rng.integers(1, 16, n).astype(float)
    run = rng.uniform(2.2, 3.5, n)
    think = rng.gamma(6.0, 0.3, n) + 0.6
    liking = settings.label_information * np.array([0.6, -0.3, 0.3, -0.6])[restaurant]
    stay = rng.random(n) < 1 / (1 + np.exp((delay - 8.0) / 3.0 - liking))
    after = np.where(stay, 0.6 * delay + 1.5, 0.3)  # waiting and eating, or moving on
    start = np.concatenate([[0.0], np.cumsum(run + think + after)[:-1]]) + 1.0
    offer, decision = start + run, start + run + think
    stop = decision + after
    trials = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": stop,
            "offer_time": offer,
            "decision_time": decision,
            "restaurant": restaurant,
            "delay_s": delay,
            "choice": np.where(stay, "stay", "skip"),
        }
    ).round(6)

    time = np.arange(0.0, stop[-1] + 1.0, STEP_S)
    # The rat runs a quarter of the loop to each offer, moves slowly while it deliberates, and rests while it waits.
    quarter = 2 * np.pi / RESTAURANTS
    at = restaurant + (np.arange(n) // RESTAURANTS) * RESTAURANTS
    knots = np.column_stack([start, offer, decision, stop]).ravel()
    angles = np.column_stack([at - 0.9, at - 0.25, at, at + 0.1]).ravel() * quarter
    angle = np.interp(time, knots, angles)
    progress = np.interp(
        time, np.column_stack([start, offer, decision, decision + 0.5]).ravel(), np.tile([0, 0, 1, 0], n)
    )
    sign = np.where(stay, 1.0, -1.0)[np.clip(np.searchsorted(start, time, side="right") - 1, 0, n - 1)]
    return trials, angle, settings.label_information * EVIDENCE * sign * progress


def _loadings(rng: np.random.Generator, n_units: int) -> Array:
    """(latent, unit): place fields with uniform preferred angles, and normal weights for deliberation and arousal."""
    preferred = rng.uniform(0, 2 * np.pi, n_units)
    sharpness = rng.uniform(0.6, 1.2, n_units)
    place = sharpness * np.array([np.cos(preferred), np.sin(preferred)])
    return np.vstack([place, rng.normal(0, DELIBERATION_WEIGHT, n_units), rng.normal(0, AROUSAL_WEIGHT, n_units)])
