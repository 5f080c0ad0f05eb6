"""Recordings of a study in which the truth is known: nothing to find, or three models that are equally good.

nothing: choices, source and target are independent of each other; each drifts and repeats itself on its own.
equal: source units come in triplets of one mean rate, one tuning to the choice and one coupling to the target, each
with noise and drift of its own. The three thirds of the population know equally much, so whichever of them a model
learns from, it is as good as the others.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikebridge.calibration.settings import BIN_S, N_BINS, SPACING_S, Setting
from spikebridge.types import Windows

World = Literal["nothing", "equal"]
WORLDS: tuple[World, ...] = ("nothing", "equal")
CLASSES = ("skip", "stay")
THIRDS = 3
TUNING, COUPLING, SHARED = 0.1, 0.35, 2
"""In `equal`: SD over units of the log rate that a choice adds or takes, of that of a latent, and number of latents."""
FAST = 0.2  # SD of the log rate of a unit from bin to bin
RATE_HZ = 5.0
Array = NDArray[np.float64]


def recordings(setting: Setting, world: World, rng: np.random.Generator) -> list[Windows]:
    """The windows of every recording of a study, one a trial. Names tell the animal: <animal>_<day>."""
    names = [f"rat{k % setting.animals + 1}_day{k // setting.animals + 1}" for k in range(setting.recordings)]
    return [_recording(name, setting, world, rng) for name in sorted(names)]


def third(w: Windows, which: int) -> Windows:
    """The windows with one member of every triplet of source units."""
    keep = np.arange(which, w.source.shape[2], THIRDS)
    return Windows(**{**vars(w), "source": w.source[:, :, keep], "source_units": w.source_units[keep]})


def choices(decision_s: Array, setting: Setting, rng: np.random.Generator) -> NDArray[np.int64]:
    """(trial,), 0 or 1, at the times of the decisions, seconds: a coin whose bias drifts and that repeats itself.

    log odds(t) = log(share / (1 - share)) + drift(t) + streak * (last choice, -1 or 1), less the last one's mean.
    """
    bias = np.log(setting.share / (1 - setting.share))
    drift = setting.choice_drift * ornstein_uhlenbeck(decision_s, setting.choice_tau_s, 1, rng)[:, 0]
    side = int(rng.integers(2))  # which of the two is the frequent one
    mean = 2 * setting.share - 1
    found = np.empty(len(decision_s), dtype=np.int64)
    last = mean
    for k in range(len(found)):
        odds = bias + drift[k] + setting.streak * (last - mean)
        found[k] = rng.random() < 1 / (1 + np.exp(-odds))
        last = 2.0 * found[k] - 1.0
    return found if side else 1 - found


def ornstein_uhlenbeck(times_s: Array, tau_s: float, n: int, rng: np.random.Generator) -> Array:
    """(time, n): processes of unit variance and covariance exp(-|t - s| / tau) at the times given, in order."""
    keep = np.exp(-np.diff(times_s) / tau_s)
    noise = rng.normal(size=(len(times_s), n))
    found = noise.copy()
    for k, a in enumerate(keep):
        found[k + 1] = a * found[k] + np.sqrt(1 - a**2) * noise[k + 1]
    return found


def _recording(name: str, setting: Setting, world: World, rng: np.random.Generator) -> Windows:
    n = round(setting.trials * rng.uniform(0.9, 1.1))
    decision = np.cumsum(rng.uniform(0.6, 1.4, n) * SPACING_S) + N_BINS * BIN_S
    label = choices(decision, setting, rng)
    while min(np.bincount(label, minlength=2)) < 5:  # such a recording would be left out
        label = choices(decision, setting, rng)
    n_source, n_target = setting.units
    slow = {k: _drift(decision, setting, units, rng) for k, units in (("source", n_source), ("target", n_target))}
    log_source, log_target = (slow[k][:, None] + FAST * rng.normal(size=(n, N_BINS, slow[k].shape[1])) for k in slow)
    base_source, base_target = (RATE_HZ * BIN_S * rng.lognormal(0, 0.6, k) for k in setting.units)
    if world == "equal":
        triplets = n_source // THIRDS
        base_source = np.repeat(base_source[:triplets], THIRDS)
        side = 2.0 * label - 1.0
        shared = rng.normal(size=(n, N_BINS, SHARED))
        tuning = np.repeat(rng.normal(0, TUNING, triplets), THIRDS)
        loading = np.repeat(rng.normal(0, COUPLING, (triplets, SHARED)), THIRDS, axis=0)
        log_source = log_source + side[:, None, None] * tuning + shared @ loading.T
        log_target = log_target + shared @ rng.normal(0, COUPLING, (n_target, SHARED)).T
    return Windows(
        recording=name,
        source=_spikes(base_source * np.exp(log_source), rng),
        target=_spikes(base_target * np.exp(log_target), rng),
        start_s=decision - N_BINS * BIN_S,
        bin_s=BIN_S,
        trial=np.arange(n),
        label=label,
        decision_s=decision,
        classes=CLASSES,
        source_units=np.arange(n_source),
        target_units=1000 + np.arange(n_target),
    )


def _drift(times_s: Array, setting: Setting, units: int, rng: np.random.Generator) -> Array:
    """(window, unit), log rate: what a unit has of its own, and what the units of a region share with random signs."""
    own = ornstein_uhlenbeck(times_s, setting.rate_tau_s, units, rng)
    shared = ornstein_uhlenbeck(times_s, setting.rate_tau_s, 1, rng) * rng.choice([-1.0, 1.0], units)
    return np.asarray(setting.rate_drift * (np.sqrt(1 - setting.common) * own + np.sqrt(setting.common) * shared))


def _spikes(rates: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.minimum(rng.poisson(rates), 255).astype(np.uint8)
