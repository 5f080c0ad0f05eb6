"""What the simulated studies of the audit are like: drawn at random, study by study, over what laboratories meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPACING_S = 10.0
"""Mean time from one decision to the next, seconds."""
BIN_S, N_BINS = 0.5, 3
"""Few and wide bins: what is audited are tests, and a study has to cost a second or two."""
FEWEST_MINUTES = 2.0


@dataclass(frozen=True)
class Setting:
    """One study. Drifts are Ornstein-Uhlenbeck processes, stationary SD and time constant given.

    trials: of a recording, each differs by up to a tenth. share: of the more frequent decision, over long times.
    streak: log odds by which the last choice pulls the next. choice_drift: SD of the log odds of a choice, choice_tau_s
    its time constant. rate_drift: SD of the log rate of a unit, rate_tau_s its time constant; common: the part of its
    variance that units of a region share. units: (source, target) of a recording.
    """

    recordings: int
    animals: int
    trials: int
    share: float
    streak: float
    choice_drift: float
    choice_tau_s: float
    rate_drift: float
    rate_tau_s: float
    common: float
    units: tuple[int, int]


def draw(rng: np.random.Generator) -> Setting:
    """4 to 12 recordings of 2 to 4 animals, 60 to 150 trials, shares of 0.5 to 0.75, drift of minutes to a session."""
    trials = int(rng.integers(60, 151))
    session_s = trials * SPACING_S
    taus = np.exp(rng.uniform(np.log(60 * FEWEST_MINUTES), np.log(session_s), 2))
    return Setting(
        recordings=int(rng.integers(4, 13)),
        animals=int(rng.integers(2, 5)),
        trials=trials,
        share=float(rng.uniform(0.5, 0.75)),
        streak=float(rng.uniform(0.0, 1.0)),
        choice_drift=float(rng.uniform(0.0, 1.5)),
        choice_tau_s=float(taus[0]),
        rate_drift=float(rng.uniform(0.1, 0.5)),
        rate_tau_s=float(taus[1]),
        common=float(rng.uniform(0.0, 0.5)),
        units=(3 * int(rng.integers(5, 12)), int(rng.integers(8, 16))),
    )
