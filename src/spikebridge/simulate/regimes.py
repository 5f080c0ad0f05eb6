"""What the source passes to the target: four regimes, in one of which a linear map is enough.

The target of a simulation follows the transferred latents x, the source the shared latents z and a state:

    log rate_PFC(t) = b + coupling * D x(t - lag) + private * P w(t) + drift

    linear       x = z
    gated        x = g z                          g: 0 or 1, a two-state Markov process that the source's rates show
    integrated   x = z for the position; for deliberation and arousal, which in the source are momentary evidence e
                 with a correlation time of 0.1 s, x = SATURATION_GAIN * tanh(SATURATION * a), da/dt = e - a/tau
    theta        x = (1 + depth * cos(phase)) z / sqrt(1 + depth^2 / 2)
                                                  phase: of the theta rhythm that modulates the source's rates; the
                                                  divisor keeps the mean square of x

The expected rate of the target, given z and the state, is known in every regime: c exp(coupling * D x(t - lag)). It is
what the oracle of `spikebridge.evaluation.recovery` predicts.

Sources. Gating of the passage from hippocampus to prefrontal cortex by a state: Tang et al. 2017 (J Neurosci 37:11789;
ripples and running); two-state switching: Engel et al. 2016 (Science 354:1140). Accumulation over seconds, and frontal
units that follow the sign of the accumulated evidence: Brunton et al. 2013 (Science 340:95), Hanks et al. 2015 (Nature
520:220). Prefrontal spikes that depend on the phase of hippocampal theta: Siapas et al. 2005 (Neuron 46:141), Jones &
Wilson 2005 (PLoS Biol 3:e402).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikebridge.config import SimulateConfig
from spikebridge.simulate.processes import ornstein_uhlenbeck

Array = NDArray[np.floating]
EVIDENCE_TAU_S = 0.1
"""Correlation time of the momentary evidence in the regime integrated, seconds."""
SATURATION = 2.0
"""How steeply the target follows the sign of the accumulated evidence, per SD of the evidence."""
SATURATION_GAIN = 1.5
"""Largest log rate, per unit of loading, that accumulated evidence gives."""
STATE_WEIGHT = 0.4
"""SD over source units of the weight of the gate in the log rate."""


@dataclass(frozen=True)
class Latents:
    """The parts that latents are made of, before a regime.

    Parameters
    ----------
    time_s : NDArray, shape (time,), seconds
        Grid of the simulation.
    position : NDArray, shape (time, 2)
        Cosine and sine of the place on the loop.
    deliberation, arousal : NDArray, shape (time,)
        With the correlation times of the regime linear.
    evidence : NDArray, shape (time,)
        Mean deliberation, signed by the choice.
    indecision : float
        SD of the deliberation that is independent of the choice.
    theta : NDArray, shape (time,)
        Cosine of the theta phase.
    """

    time_s: Array
    position: Array
    deliberation: Array
    arousal: Array
    evidence: Array
    indecision: float
    theta: Array

    @property
    def shared(self) -> Array:
        """(time, 4): what both regions share in the regime linear."""
        return np.column_stack([self.position, self.deliberation, self.arousal])


@dataclass(frozen=True)
class Transfer:
    """What the source has, and what of it reaches the target.

    Parameters
    ----------
    shared : NDArray, shape (time, 4)
        Latents of the source.
    transferred : NDArray, shape (time, 4)
        Latents that the target follows, without the lag.
    state : NDArray, shape (time, state)
        What else of the source decides what is transferred; no column where nothing does.
    state_names : tuple of str
        Names of these columns.
    """

    shared: Array
    transferred: Array
    state: Array
    state_names: tuple[str, ...] = ()


def transfer(settings: SimulateConfig, rng: np.random.Generator, latents: Latents) -> Transfer:
    """Apply the regime of the settings.

    Parameters
    ----------
    settings : SimulateConfig
        The regime and its parameters.
    rng : Generator
        Of what a regime draws. It is spawned, not drawn from: its other draws are the same in every regime.
    latents : Latents
        The parts of the latents.

    Returns
    -------
    Transfer
        The latents of the source and those that reach the target.
    """
    return _REGIMES[settings.regime](settings, rng, latents)


def _linear(settings: SimulateConfig, rng: np.random.Generator, latents: Latents) -> Transfer:
    shared = latents.shared
    return Transfer(shared, shared, np.empty((len(shared), 0)))


def _gated(settings: SimulateConfig, rng: np.random.Generator, latents: Latents) -> Transfer:
    """x = g z."""
    step_s = float(latents.time_s[1] - latents.time_s[0])
    gate = two_states(rng.spawn(1)[0], len(latents.time_s), settings.gate_dwell_s, step_s)[:, None]
    shared = latents.shared
    return Transfer(shared, gate * shared, gate, ("gate",))


def _integrated(settings: SimulateConfig, rng: np.random.Generator, latents: Latents) -> Transfer:
    """The position as it is; the sign of what deliberation and arousal, momentary evidence here, add up to."""
    step_s = float(latents.time_s[1] - latents.time_s[0])
    noise = ornstein_uhlenbeck(rng.spawn(1)[0], len(latents.time_s), 2, EVIDENCE_TAU_S, step_s)
    momentary = np.column_stack([latents.indecision * noise[:, 0] + latents.evidence, noise[:, 1]])
    scale = integral_sd(EVIDENCE_TAU_S, settings.integration_s) * np.array([latents.indecision, 1.0])
    integrated = leaky_integral(momentary, settings.integration_s, step_s) / scale
    passed = SATURATION_GAIN * np.tanh(SATURATION * integrated)
    shared, transferred = (np.column_stack([latents.position, each]) for each in (momentary, passed))
    return Transfer(shared, transferred, np.empty((len(shared), 0)))


def _theta(settings: SimulateConfig, rng: np.random.Generator, latents: Latents) -> Transfer:
    """x = (1 + depth cos phase) z / sqrt(1 + depth^2 / 2)."""
    theta, depth = latents.theta[:, None], settings.theta_transfer_depth
    shared = latents.shared
    return Transfer(shared, (1 + depth * theta) / np.sqrt(1 + depth**2 / 2) * shared, theta, ("theta",))


_REGIMES: Mapping[str, Callable[[SimulateConfig, np.random.Generator, Latents], Transfer]] = {
    "linear": _linear,
    "gated": _gated,
    "integrated": _integrated,
    "theta": _theta,
}


def state_loadings(settings: SimulateConfig, rng: np.random.Generator, theta_depth: Array) -> Array:
    """(state, source unit): weight of each state in the log rate of the source.

    Parameters
    ----------
    settings : SimulateConfig
        The regime and the depth of the theta modulation.
    rng : Generator
        Of the weights of the gate; it is spawned, not drawn from.
    theta_depth : NDArray, shape (unit,)
        Depth of each unit's theta modulation, relative to `settings.theta`.

    Returns
    -------
    NDArray, shape (state, unit)
        No row in a regime without a state.
    """
    n = len(theta_depth)
    if settings.regime == "gated":
        return rng.spawn(1)[0].normal(0, STATE_WEIGHT, (1, n))
    return settings.theta * theta_depth[None] if settings.regime == "theta" else np.empty((0, n))


def two_states(rng: np.random.Generator, n: int, dwell_s: float, step_s: float) -> Array:
    """(time,), 0 or 1: a Markov process that stays in each state for an exponential time of mean dwell_s."""
    switched = rng.random(n) < -np.expm1(-step_s / dwell_s)
    switched[0] = rng.random() < 0.5  # the first state
    return np.cumsum(switched) % 2.0


def leaky_integral(x: Array, tau_s: float, step_s: float) -> Array:
    """(time, k), of x (time, k): a(t) = sum_s exp(-(t - s) / tau) x(s) step, in the unit of x times seconds."""
    from scipy.signal import lfilter

    return np.asarray(lfilter([step_s], [1.0, -np.exp(-step_s / tau_s)], x, axis=0))


def integral_sd(evidence_tau_s: float, tau_s: float) -> float:
    """SD of the leaky integral of an Ornstein-Uhlenbeck process of unit variance: tau sqrt(tau_e / (tau + tau_e))."""
    return float(tau_s * np.sqrt(evidence_tau_s / (tau_s + evidence_tau_s)))
