"""Simulated foraging recordings with known truth.

A rat circles four restaurants on a loop (Restaurant Row; Steiner & Redish 2014, Nat Neurosci 17:995). At each one it is
offered a delay, deliberates, and stays or skips. Hippocampal (HC) units and prefrontal (PFC) units share four latents,
position on the loop (cosine, sine), deliberation and arousal; PFC follows HC by a known lag:

    log rate_HC(t)  = b + C z(t)                   + theta + drift
    log rate_PFC(t) = b + coupling * D z(t - lag)  + private * P w(t) + drift

Spikes are Poisson given the rates, thinned by an absolute refractory period. A von Mises place field is linear in
(cos, sin) in the log rate, so the log rates of both regions are exactly linear in z. A Poisson translator with a
low-dimensional bottleneck assumes exactly this; the README says so too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.config import SimulateConfig

STEP_S = 0.01
SHARED = ("position_cos", "position_sin", "deliberation", "arousal")
RESTAURANTS = 4
THETA_HZ = 8.0
DRIFT_TAU_S = 300.0
INDECISION = 0.6  # SD of the part of deliberation that is independent of the choice
EVIDENCE = 0.9  # mean deliberation at the decision, signed by the choice
SOURCE_HZ, TARGET_HZ = 3.5, 4.0  # median firing rates if every latent is zero
DELIBERATION_WEIGHT, AROUSAL_WEIGHT = 0.4, 0.4  # SD over units of the weight in the log rate
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Truth:
    """The true parameters and latents of a simulated session.

    Parameters
    ----------
    time_s : NDArray, shape (time,), seconds
        Time grid of the latents.
    shared : NDArray, shape (time, latent)
        Shared latents in HC; PFC at time t receives shared(t - lag_s).
    private : NDArray, shape (time, latent)
        Latents of PFC alone.
    lag_s : float
        Lag of PFC after HC, seconds.
    dimension : int
        Number of shared latents that reach PFC; 0 if the regions are not coupled.
    source_loadings, target_loadings : NDArray, shape (unit, latent)
        Weight of each shared latent in the log rate of each HC and each PFC unit, in the order of the unit ids in the
        file.
    names : tuple of str
        Names of the shared latents.
    """

    time_s: Array
    shared: Array
    private: Array
    lag_s: float
    dimension: int
    source_loadings: Array
    target_loadings: Array
    names: tuple[str, ...] = SHARED

    def save(self, path: Path) -> None:
        """Write a compressed .npz file.

        Parameters
        ----------
        path : Path
            The file.
        """
        with open(path, "wb") as handle:
            np.savez_compressed(
                handle,
                time_s=self.time_s,
                shared=self.shared.astype(np.float32),
                private=self.private.astype(np.float32),
                lag_s=self.lag_s,
                dimension=self.dimension,
                source_region="HC",
                source_units=np.arange(len(self.source_loadings)),
                source_loadings=self.source_loadings,
                target_units=len(self.source_loadings) + np.arange(len(self.target_loadings)),
                target_loadings=self.target_loadings,
                names=np.array(self.names),
            )


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
    shared = np.column_stack([np.cos(angle), np.sin(angle), deliberation, arousal])
    private = ornstein_uhlenbeck(rng, n, 2, tau_s=0.5)
    n_source = int(rng.integers(settings.n_source_units[0], settings.n_source_units[1] + 1))
    n_target = int(rng.integers(settings.n_target_units[0], settings.n_target_units[1] + 1))

    theta = np.cos(2 * np.pi * THETA_HZ * time_s)[:, None]
    to_source = _loadings(rng, n_source)
    source = shared @ to_source + settings.theta * theta * rng.uniform(0.5, 1.0, n_source)
    lag = round(settings.lag_s / STEP_S)
    delayed = shared[np.maximum(np.arange(n) - lag, 0)]
    own = rng.normal(0, 0.4, (private.shape[1], n_target))
    k = settings.n_shared_latents
    to_target = settings.coupling * _loadings(rng, n_target)[:k]
    target = delayed[:, :k] @ to_target + settings.private_gain * private @ own

    spikes: list[Array] = []
    for log_gain, median_hz in ((source, SOURCE_HZ), (target, TARGET_HZ)):
        base = np.log(median_hz) + rng.normal(0, 0.4, log_gain.shape[1])
        log_rate = log_gain + base + settings.drift * _drift(rng, n, log_gain.shape[1])
        spikes += draw_spikes(rng, np.exp(log_rate), settings.refractory_s)
    position = 0.6 * np.column_stack([np.cos(angle), np.sin(angle)])
    speed = np.linalg.norm(np.gradient(position, STEP_S, axis=0), axis=1)
    dimension = k if settings.coupling > 0 else 0
    loadings = to_source[:k].T, to_target.T
    truth = Truth(time_s, shared[:, :k], private, settings.lag_s, dimension, *loadings, SHARED[:k])
    regions = ["HC"] * n_source + ["PFC"] * n_target
    return Session(name, animal, spikes, regions, trials, time_s, position, speed, truth)


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


def ornstein_uhlenbeck(rng: np.random.Generator, n: int, k: int, tau_s: float, step_s: float = STEP_S) -> Array:
    """(time, k) Ornstein-Uhlenbeck processes with unit variance, exact at the grid points."""
    from scipy.signal import lfilter

    decay = np.exp(-step_s / tau_s)
    noise = rng.normal(0, np.sqrt(1 - decay**2), (n, k))
    noise[0] = rng.normal(0, 1, k)
    return np.asarray(lfilter([1.0], [1.0, -decay], noise, axis=0))


def _drift(rng: np.random.Generator, n: int, n_units: int) -> Array:
    """(time, unit): slow drift, simulated at one point per second and interpolated."""
    coarse = ornstein_uhlenbeck(rng, int(n * STEP_S) + 2, n_units, DRIFT_TAU_S, step_s=1.0)
    at = np.arange(n) * STEP_S
    low = at.astype(int)
    part = (at - low)[:, None]
    return coarse[low] * (1 - part) + coarse[low + 1] * part


def draw_spikes(rng: np.random.Generator, rate_hz: Array, refractory_s: float) -> list[Array]:
    """Poisson spikes from (time, unit) rates; a spike within the refractory period of the one before is dropped."""
    counts = rng.poisson(rate_hz * STEP_S)
    step, unit = np.nonzero(counts)
    repeat = counts[step, unit]
    step, unit = np.repeat(step, repeat), np.repeat(unit, repeat)
    times = np.round((step + rng.random(len(step))) * STEP_S, 6)
    order = np.lexsort((times, unit))
    times, unit = times[order], unit[order]
    while len(times):
        close = (np.diff(times) < refractory_s) & (np.diff(unit) == 0)
        # Remove only the first of consecutive close spikes: its removal may make the next one valid.
        close &= ~np.concatenate([[False], close[:-1]])
        if not close.any():
            break
        keep = np.concatenate([[True], ~close])
        times, unit = times[keep], unit[keep]
    return np.split(times, np.searchsorted(unit, np.arange(1, rate_hz.shape[1])))
