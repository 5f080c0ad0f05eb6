"""Sessions of two probes, each sorted apart with ids from 0: hippocampus on one, prefrontal cortex on the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spikebridge.io.contents import no_behavior
from spikebridge.io.readers import alf, nwb, phy
from spikebridge.types import Recording
from spikebridge.types.intervals import as_intervals

DURATION_S = 400.0
N_UNITS = 4
FORMATS = {"phy": phy, "nwb": nwb, "alf": alf}


@dataclass(frozen=True)
class TwoProbes:
    """What a session holds. trains: probe -> one train a unit, in seconds."""

    trains: dict[str, list[np.ndarray]]
    trials: pd.DataFrame


def made(probes: tuple[str, str] = ("imec0", "imec1"), seed: int = 5) -> TwoProbes:
    """Poisson trains with a dead time of 2 ms on whole samples of 30 kHz, and 60 trials with a label of two classes."""
    rng = np.random.default_rng(seed)

    def train(rate_hz: float) -> np.ndarray:
        gaps = 0.002 + rng.exponential(1 / rate_hz - 0.002, int(DURATION_S * rate_hz * 1.5) + 100)
        times = np.cumsum(gaps)
        return np.rint(times[times < DURATION_S] * 30000) / 30000

    start = np.arange(60) * 6.5 + 2.0
    trials = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + 4.0,
            "decision_time": start + 3.0,
            "choice": rng.permutation(["stay", "skip"] * 30),
        }
    )
    return TwoProbes({probe: [train(3.0 + k) for k in range(N_UNITS)] for probe in probes}, trials)


def recording_of(
    session: TwoProbes, probe: str, region: str, name: str, trials: bool, animal: str = "rat1"
) -> Recording:
    """One probe as a recording of its own."""
    trains = session.trains[probe]
    ids = np.repeat(np.arange(N_UNITS), [len(t) for t in trains])
    return Recording(
        name=name,
        animal=animal,
        spikes=pd.DataFrame({"unit": ids, "time_s": np.concatenate(trains)}),
        units=pd.DataFrame({"unit": np.arange(N_UNITS), "region": region}),
        trials=session.trials if trials else session.trials[["start_time", "stop_time"]].iloc[:0],
        behavior=no_behavior(),
        observed=as_intervals([]),
    )


def write(session: TwoProbes, root: Path, form: str, day: str = "day1", trials: str = "both") -> dict[str, Path]:
    """Probe -> its path: root/<day>_<probe>. trials: in the files of "both", of the "first" alone, or "beside" them."""
    paths = {}
    for k, (probe, region) in enumerate(zip(session.trains, ("HC", "PFC"), strict=True)):
        own = trials == "both" or (trials == "first" and k == 0)
        recording = recording_of(session, probe, region, f"{day}_{probe}", own)
        path = FORMATS[form].write(recording, root)
        if form == "phy":
            (path / "cluster_info.tsv").unlink()
            recording.units.to_csv(path / "units.csv", index=False)
            if not own:
                (path / "trials.csv").unlink(missing_ok=True)
        paths[probe] = path
    if trials == "beside":
        session.trials.to_csv(root / "trials.csv", index=False)
    return paths


def moved(session: TwoProbes, probe: str, seconds: float) -> TwoProbes:
    """The spikes of one probe on another clock, by a constant."""
    trains = [np.rint((t + seconds) * 30000) / 30000 for t in session.trains[probe]]
    return replace(session, trains=session.trains | {probe: trains})
