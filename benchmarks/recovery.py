"""Are lag and dimension of simulated studies found again from the counts? Twenty seeds of each kind of study.

    python benchmarks/recovery.py                                 # three minutes or so
    python benchmarks/recovery.py --seeds 2 --trials 40           # a quick look

writes benchmarks/results/recovery.md and recovery.csv. A study is two recordings of the simulator, cut into windows as
params.yaml says, 50 ms bins, and estimated as `evaluate` does. Studies of the kind `default` have the simulator's
default dimension; of the kind `drawn`, one of 2, 3 and 4. The lag is drawn from 0 to 0.2 s in both. lag_error_bins and
dimension_error are estimate - truth, of both recordings together; covers says whether the 95 % interval of the lag
holds the truth. NaN, no link found, counts as a miss.

Of dimension 2, the regions share place on the loop alone. It moves smoothly, so a linear map takes a delay for a turn
of the loop, and only the changes of speed tell the lag: hits of the drawn studies hang on how many are of dimension 2.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from common import RESULTS, made_by, markdown, settings_of
from spikebridge.config import Config, WindowSections
from spikebridge.evaluation.count_coupling import couple
from spikebridge.preprocess import make_windows
from spikebridge.runtime.stage import one_thread, say
from spikebridge.simulate import STEP_S, Session, simulate_session
from spikebridge.types import Recording

KINDS = ("default", "drawn")
NOTE = (
    "Two simulated recordings a study, 50 ms bins, lag drawn from 0 to 0.2 s; dimension the simulator's default (4) or "
    "drawn from 2 to 4. Of dimension 2, the regions share place on the loop alone: a smooth course that hardly tells "
    "the lag, so hits of the drawn studies hang on how many of them are of dimension 2. Drawn studies of dimension 4 "
    "are the default studies of their seeds, not new ones."
)
COLUMNS = [
    "study", "seed", "true_lag_s", "lag_s", "low_s", "high_s", "lag_error_bins", "covers", "true_dimension",
    "dimension", "dimension_error",
]  # fmt: skip


def study(base: Config, kind: str, seed: int) -> Config:
    """Settings with the seed and what is drawn by it."""
    rng = np.random.default_rng([seed, 7])
    knobs = {"n_recordings": 2, "lag_s": round(float(rng.uniform(0.0, 0.2)), 2)}
    drawn = {"n_shared_latents": int(rng.integers(2, 5))} if kind == "drawn" else {}
    return base.model_copy(update={"seed": seed, "simulate": base.simulate.model_copy(update={**knobs, **drawn})})


def recorded(session: Session) -> Recording:
    """What reading the session's file would give, without the rat's track."""
    unit = np.repeat(np.arange(len(session.spikes)), [len(s) for s in session.spikes])
    return Recording(
        name=session.name,
        animal=session.animal,
        spikes=pd.DataFrame({"unit": unit, "time_s": np.concatenate(session.spikes)}),
        units=pd.DataFrame({"unit": np.arange(len(session.spikes)), "region": session.regions}),
        trials=session.trials,
        behavior=pd.DataFrame({"series": [], "time_s": [], "value": []}),
        observed=np.array([[0.0, session.time_s[-1] + STEP_S]]),
    )


def measure(settings: Config) -> dict[str, float | int | bool]:
    knobs = settings.simulate
    windows = {}
    for number in range(knobs.n_recordings):
        rng = np.random.default_rng([settings.seed, number])  # as spikebridge.simulate has it
        session = simulate_session(knobs, rng, f"rec{number}", f"rat{number}")
        windows[session.name] = make_windows(recorded(session), WindowSections.of(settings), ("skip", "stay"))[0]
    coupling = couple(windows, settings.seed)
    lag = coupling.lag
    return {
        "true_lag_s": knobs.lag_s,
        "lag_s": lag.lag_s,
        "low_s": lag.ci_low,
        "high_s": lag.ci_high,
        "lag_error_bins": (lag.lag_s - knobs.lag_s) / settings.bins.width_s,
        "covers": lag.ci_low <= knobs.lag_s <= lag.ci_high,
        "true_dimension": knobs.n_shared_latents,
        "dimension": coupling.dimension.dimension,
        "dimension_error": coupling.dimension.dimension - knobs.n_shared_latents,
    }


def compare(base: Config, seeds: int) -> pd.DataFrame:
    """One row a study, with COLUMNS."""
    rows = []
    for kind in KINDS:
        for seed in range(seeds):
            rows.append({"study": kind, "seed": seed, **measure(study(base, kind, seed))})
            say(f"{kind} {seed}: lag off by {rows[-1]['lag_error_bins']:.2f} bins")
    return pd.DataFrame(rows)[COLUMNS]


def summary_lines(table: pd.DataFrame) -> list[str]:
    """Hits of each dimension of the drawn studies, then of each kind of study; the default ones last."""
    drawn = table[table["study"] == "drawn"]
    lines = [_hits(f"drawn, dimension {d}", part) for d, part in drawn.groupby("true_dimension")]
    return [*lines, *(_hits(kind, table[table["study"] == kind]) for kind in reversed(KINDS))]


def _hits(name: str, part: pd.DataFrame) -> str:
    lag = int((part["lag_error_bins"].abs() <= 1).sum())
    near, exact = int((part["dimension_error"].abs() <= 1).sum()), int((part["dimension_error"] == 0).sum())
    return (
        f"- {name}: the interval covers the lag in {int(part['covers'].sum())}, the dimension is right within one in "
        f"{near} and exactly in {exact}; lag within one bin in {lag} of {len(part)}."
    )


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="of each kind of study")
    parser.add_argument("--trials", type=int, help="of each recording; the simulator's default otherwise")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    base = settings_of("simulator", Path(), ["ridge"])
    if a.trials:
        base = base.model_copy(update={"simulate": base.simulate.model_copy(update={"n_trials": a.trials})})
    with one_thread():
        table = compare(base, a.seeds)
    a.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(a.out / "recovery.csv", index=False, lineterminator="\n")
    lines = [
        "# Recovery of lag and dimension",
        "",
        NOTE,
        "",
        *markdown(table),
        "",
        made_by("recovery.py", words),
        "",
        *summary_lines(table),
    ]
    (a.out / "recovery.md").write_text("\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
