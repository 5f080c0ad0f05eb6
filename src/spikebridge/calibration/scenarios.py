"""Recordings of a simulated study whose truth is known.

nothing: choices, source and target are independent of each other; each drifts and is autocorrelated.
equal: source units come in triplets of one mean rate, one tuning to the choice and one coupling to the target, each
with its own noise and drift. The three thirds of the population carry equal information, so models that are trained on
different thirds are equally good. The target is tuned to the choice too: what the regions share contains it.
unseen_coupled, unseen_nothing: whole recordings or animals are held out. The source follows two latents that have the
same mean course, and the same dependence on a place, in every recording, so that recordings can be aligned without
labels. Choices depend on a delay that no spike depends on. The target follows the latents in the first of the two, and
is independent of the source in the second.

A study's setting is drawn at random from ranges that laboratories meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikebridge.types import Windows
from spikebridge.types.covariates import column_covariate

Scenario = Literal["nothing", "equal", "unseen_coupled", "unseen_nothing"]
SCENARIOS: tuple[Scenario, ...] = ("nothing", "equal", "unseen_coupled", "unseen_nothing")
CROSSED: Literal["crossed"] = "crossed"
"""Real recordings without a link; see `crossed`."""
UNSEEN: tuple[Scenario, ...] = ("unseen_coupled", "unseen_nothing")
"""Scenarios in which whole recordings or animals are held out."""
CLASSES = ("skip", "stay")
THIRDS = 3
TUNING, COUPLING, SHARED = 0.1, 0.35, 2
"""SD over units of the log rate that a choice (in `equal`) and a latent add or take, and number of latents."""
COURSE = ((-0.6, 0.3), (0.0, -0.6), (0.6, 0.3))
PLACES = ((0.7, 0.0), (-0.7, 0.3), (0.0, -0.7), (0.0, 0.4))
"""Mean of the latents in every bin, and what each place adds to it, of every recording with unseen recordings."""
COLUMNS = ("delay_s", "place")
"""Of the trial table of recordings that are to be aligned."""
DELAY_ODDS = 0.25
"""Log odds that a second of delay takes from staying."""
FAST = 0.2  # SD of the log rate of a unit from bin to bin
RATE_HZ = 5.0
SPACING_S = 10.0
"""Mean time from one decision to the next, seconds."""
BIN_S, N_BINS = 0.5, 3
"""Few and wide bins: the tests are what is examined, and a study must not take more than a second or two."""
MIN_DRIFT_MINUTES = 2.0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """An Ornstein-Uhlenbeck process: its stationary SD, and its time constant in seconds."""

    sd: float
    tau_s: float


@dataclass(frozen=True)
class Setting:
    """The setting of one study.

    trials: of a recording, each differs by up to a tenth. share: of the more frequent decision, over long times.
    streak: log odds that the last choice adds to its repetition. choice_drift: of the log odds of a choice. rate_drift:
    of the log rate of a unit; common: the part of its variance that units of a region share. units: (source, target) of
    a recording. by: what is held out.
    """

    recordings: int
    animals: int
    trials: int
    share: float
    streak: float
    choice_drift: Drift
    rate_drift: Drift
    common: float
    units: tuple[int, int]
    by: Literal["block", "recording", "animal"] = "block"


def draw_setting(rng: np.random.Generator) -> Setting:
    """Draw 4 to 12 recordings of 2 to 4 animals, 60 to 150 trials, shares of 0.5 to 0.75, slow drifts."""
    trials = int(rng.integers(60, 151))
    session_s = trials * SPACING_S
    taus = np.exp(rng.uniform(np.log(60 * MIN_DRIFT_MINUTES), np.log(session_s), 2))
    return Setting(
        recordings=int(rng.integers(4, 13)),
        animals=int(rng.integers(2, 5)),
        trials=trials,
        share=float(rng.uniform(0.5, 0.75)),
        streak=float(rng.uniform(0.0, 1.0)),
        choice_drift=Drift(float(rng.uniform(0.0, 1.5)), float(taus[0])),
        rate_drift=Drift(float(rng.uniform(0.1, 0.5)), float(taus[1])),
        common=float(rng.uniform(0.0, 0.5)),
        units=(3 * int(rng.integers(5, 12)), int(rng.integers(8, 16))),
    )


def draw_unseen(rng: np.random.Generator) -> Setting:
    """Draw a setting of which recordings, or animals, are held out: 6 to 12 recordings of 3 animals."""
    setting = replace(draw_setting(rng), recordings=int(rng.integers(6, 13)), animals=3)
    return replace(setting, by="animal" if rng.random() < 0.5 else "recording")


def recordings(setting: Setting, scenario: Scenario, rng: np.random.Generator) -> list[Windows]:
    """The windows of every recording of a study, one a trial. Names contain the animal: <animal>_<day>."""
    names = [f"rat{k % setting.animals + 1}_day{k // setting.animals + 1}" for k in range(setting.recordings)]
    return [_recording(name, setting, scenario, rng) for name in sorted(names)]


def animal_of(recording: str) -> str:
    """The animal of a recording of this name."""
    return recording.split("_")[0]


def third(w: Windows, which: int) -> Windows:
    """The windows with one member of every triplet of source units."""
    keep = np.arange(which, w.source.shape[2], THIRDS)
    return Windows(**{**vars(w), "source": w.source[:, :, keep], "source_units": w.source_units[keep]})


def choices(
    decision_s: Array, setting: Setting, rng: np.random.Generator, evidence: Array | float = 0.0
) -> NDArray[np.int64]:
    """Choices 0 or 1, shape (trial,), at decision times in seconds: a drifting bias and a tendency to repeat.

    log odds(t) = log(share / (1 - share)) + drift(t) + streak * (last choice, -1 or 1), less the last one's mean,
    + evidence(t).
    """
    bias = np.log(setting.share / (1 - setting.share))
    drift = setting.choice_drift.sd * ornstein_uhlenbeck_at(decision_s, setting.choice_drift.tau_s, 1, rng)[:, 0]
    side = int(rng.integers(2))  # which of the two is the frequent one
    drift = drift + (evidence if side else -evidence)  # towards staying, whichever is the frequent one
    mean = 2 * setting.share - 1
    label = np.empty(len(decision_s), dtype=np.int64)
    last = mean
    for k in range(len(label)):
        odds = bias + drift[k] + setting.streak * (last - mean)
        label[k] = rng.random() < 1 / (1 + np.exp(-odds))
        last = 2.0 * label[k] - 1.0
    return label if side else 1 - label


def ornstein_uhlenbeck_at(times_s: Array, tau_s: float, n: int, rng: np.random.Generator) -> Array:
    """(time, n): processes of unit variance and covariance exp(-|t - s| / tau) at the times given, in order."""
    keep = np.exp(-np.diff(times_s) / tau_s)
    noise = rng.normal(size=(len(times_s), n))
    process = noise.copy()
    for k, a in enumerate(keep):
        process[k + 1] = a * process[k] + np.sqrt(1 - a**2) * noise[k + 1]
    return process


def _recording(name: str, setting: Setting, scenario: Scenario, rng: np.random.Generator) -> Windows:
    n = round(setting.trials * rng.uniform(0.9, 1.1))
    decision = np.cumsum(rng.uniform(0.6, 1.4, n) * SPACING_S) + N_BINS * BIN_S
    columns = _columns(n, rng) if scenario in UNSEEN else np.empty((n, 0))
    evidence = DELAY_ODDS * (columns[:, 0].mean() - columns[:, 0]) if scenario in UNSEEN else 0.0
    label = choices(decision, setting, rng, evidence)
    while min(np.bincount(label, minlength=2)) < 5:  # such a recording would be left out
        label = choices(decision, setting, rng, evidence)
    n_source, n_target = setting.units
    slow = {k: _drift(decision, setting, units, rng) for k, units in (("source", n_source), ("target", n_target))}
    log_source, log_target = (slow[k][:, None] + FAST * rng.normal(size=(n, N_BINS, slow[k].shape[1])) for k in slow)
    base_source, base_target = (RATE_HZ * BIN_S * rng.lognormal(0, 0.6, k) for k in setting.units)
    if scenario == "equal":
        triplets = n_source // THIRDS
        base_source = np.repeat(base_source[:triplets], THIRDS)
        side = np.broadcast_to(2.0 * label[:, None, None] - 1.0, (n, N_BINS, 1))
        shared = np.concatenate([side, rng.normal(size=(n, N_BINS, SHARED))], axis=2)
        log_source = log_source + shared @ np.repeat(_loadings(triplets, rng), THIRDS, axis=1)
        log_target = log_target + shared @ _loadings(n_target, rng)
    if scenario in UNSEEN:
        mean = np.array(COURSE) + np.array(PLACES)[columns[:, 1].astype(np.int64), None]
        shared = mean + rng.normal(size=(n, N_BINS, SHARED))
        log_source = log_source + shared @ _loadings(n_source, rng)[1:]
        if scenario == "unseen_coupled":
            log_target = log_target + shared @ _loadings(n_target, rng)[1:]
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
        covariates=columns,
        covariate_names=tuple(map(column_covariate, COLUMNS)) if scenario in UNSEEN else (),
    )


def _columns(n: int, rng: np.random.Generator) -> Array:
    """(trial, column): COLUMNS, independent of each other; places come in turn."""
    return np.column_stack([rng.integers(1, 16, n), np.arange(n) % len(PLACES)]).astype(np.float64)


def _loadings(units: int, rng: np.random.Generator) -> Array:
    """(1 + SHARED, unit): log rate that a choice, and that each latent adds."""
    return np.vstack([rng.normal(0, TUNING, units), rng.normal(0, COUPLING, (SHARED, units))])


def _drift(times_s: Array, setting: Setting, units: int, rng: np.random.Generator) -> Array:
    """Log rate (window, unit): a private drift of each unit, and one that a region's units share with random signs."""
    own = ornstein_uhlenbeck_at(times_s, setting.rate_drift.tau_s, units, rng)
    shared = ornstein_uhlenbeck_at(times_s, setting.rate_drift.tau_s, 1, rng) * rng.choice([-1.0, 1.0], units)
    return np.asarray(setting.rate_drift.sd * (np.sqrt(1 - setting.common) * own + np.sqrt(setting.common) * shared))


def _spikes(rates: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.minimum(rng.poisson(rates), 255).astype(np.uint8)
