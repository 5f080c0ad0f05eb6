"""Animals never seen: decisions without, with some and with all labels of the animal, on the same trials.

    python benchmarks/unseen.py                     # simulator, seeds 3 to 5, and label information 0
    python benchmarks/unseen.py --on real --data path/to/recordings

writes unseen.md and unseen.csv into benchmarks/results. Settings are fixed: those of the parameter file, and the
default where the file leaves one to the tuner.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import quality
from common import QUICK, RESULTS, SETS, SHARED_DATA, made_by, markdown, settings_of, there, write_part
from regimes import measure
from spikebridge import config
from spikebridge.artifacts.evaluation import EvaluationRun
from spikebridge.artifacts.evaluation_tables import FEW_LABELS_TABLE
from spikebridge.config import Config
from spikebridge.errors import ConfigError, DataError
from spikebridge.evaluation.few_labels import ALL
from spikebridge.evaluation.few_labels import COLUMNS as FEW_LABELS
from spikebridge.runtime.hashing import digest, source_hash

NAME = "unseen"
MODELS = ("seq2seq", "aligned_pca", "majority", "ridge", "poisson_glm")
SEEDS = (3, 4, 5)
COLUMNS = ["data", "study", *FEW_LABELS, "source_bits_per_spike"]
INTRO = """# Animals never seen

Every animal is held out once (`split.by: animal`). A model gets the spikes of both regions, and the covariates, of the
first half of its trials, and no label; the later half is scored ([docs/unseen.md](../../docs/unseen.md)). Balanced
accuracy of the decision: the mean over recordings, each over its test trials. "n labels": the same adapted model with
the first n labelled trials of the recording; "from scratch": a model of the same settings, fitted to this recording
alone with all its labels away from the predicted block. Settings are fixed: nothing is tuned."""


def settings_of_study(name: str, seed: int | None, label_information: float, a: argparse.Namespace) -> Config:
    """Parameters of one study: animals held out, three of them in the simulator, no tuner."""
    raw = settings_of(name, a.data, a.models, a.quick, a.params).model_dump(mode="json")
    if name == "simulator":
        raw["simulate"] |= (QUICK["simulate"] if a.quick else {}) | {
            "n_animals": 3,
            "label_information": label_information,
        }
        raw["simulate"]["n_recordings"] = 3 if a.quick else 6
        raw["seed"] = seed
    raw["split"] |= {"by": "animal", "n_outer_folds": 3 if name == "simulator" else 4}
    raw["models"] = {
        model: {key: value for key, value in section.items() if value != "tune"}
        for model, section in raw["models"].items()
    }
    raw["compute"] |= {"workers": 1}
    return config.parse(raw)


def studies(name: str, a: argparse.Namespace) -> list[tuple[str, Config]]:
    """Name and parameters of every study of a data set."""
    if name == "real":
        return [("real recordings", settings_of_study(name, None, 1.0, a))]
    made = [(f"seed {seed}", settings_of_study(name, seed, 1.0, a)) for seed in a.seeds]
    none = f"seed {a.seeds[0]}, label_information 0"
    return [*made, (none, settings_of_study(name, a.seeds[0], 0.0, a))]


def scores(run: EvaluationRun) -> pd.DataFrame:
    """Decisions with 0 to all labels; of other models their decision; what the source adds to the baseline."""
    metrics, table = run.read_metrics(), run.read_table(FEW_LABELS_TABLE)
    rows: list[dict[str, Any]] = [] if table is None else [row._asdict() for row in table.itertuples(index=False)]
    have = {row["model"] for row in rows}
    rows += [
        {"model": model, "recording": ALL, "fit": "adapted", "labels": "0", "n_labels": 0}
        | {"balanced_accuracy": score["balanced_accuracy"]["value"]}
        for model, score in metrics["models"].items()
        if model not in have
    ]
    rows += [
        {
            "model": model,
            "recording": ALL,
            "fit": "translation",
            "source_bits_per_spike": score["source_bits_per_spike"]["value"],
        }
        for model, score in metrics["translation"].items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS[2:])


def page(results: pd.DataFrame) -> str:
    """A row for each study and model: decisions by number of labels, and what the source adds."""
    pooled = results[results["recording"] == ALL]
    rows = []
    for (study, model), part in pooled.groupby(["study", "model"], sort=False):
        decided = {
            "from scratch"
            if r.fit == "from scratch"
            else "no labels"
            if str(r.labels) == "0"
            else f"{r.labels} labels": r.balanced_accuracy
            for r in part.itertuples()
            if r.fit != "translation"
        }
        bits = part.loc[part["fit"] == "translation", "source_bits_per_spike"]
        decided["source bits/spike"] = float(bits.iloc[0]) if len(bits) else np.nan
        rows.append({"study": study, "model": model} | {key: _cell(value) for key, value in decided.items()})
    table = pd.DataFrame(rows)
    order = ["study", "model", "no labels", "10 labels", "30 labels", "100 labels", "from scratch", "source bits/spike"]
    return "\n".join(markdown(table.reindex(columns=[c for c in order if c in table]).fillna("")))


def _cell(value: float) -> str:
    return "" if not np.isfinite(value) else f"{value:.3f}"


def recordings_of(results: pd.DataFrame) -> str:
    """Every recording of the studies with labels: decisions without its labels."""
    each = results[(results["recording"] != ALL) & (results["labels"].astype(str) == "0")]
    wide = each.pivot(index=["study", "recording"], columns="model", values="balanced_accuracy").reset_index()
    return "\n".join(markdown(wide.map(lambda value: _cell(value) if isinstance(value, float) else value)))


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--on", nargs="+", choices=SETS, default=["simulator"], help="data sets")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder of real recordings")
    parser.add_argument("--params", type=Path, help="another parameter file than the data set's own")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="only these models")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="of the simulator")
    parser.add_argument("--quick", action="store_true", help="small data and hardly any training")
    parser.add_argument("--work", type=Path, help="keep what is made here")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def run_studies(name: str, a: argparse.Namespace, work: Path) -> tuple[pd.DataFrame, float]:
    """All studies of a data set as one table with COLUMNS, and the seconds of the processor that the fits took."""
    tables, total = [], 0.0
    for title, settings in studies(name, a):
        folder = work / f"{NAME}_{digest(settings.model_dump_json(), source_hash())[:12]}"
        total += measure(settings, folder, quality.tune_and_train, name)
        tables.append(scores(EvaluationRun(folder / "evaluation")).assign(data=name, study=title))
    return pd.concat(tables, ignore_index=True)[COLUMNS], total


def main(words: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if words is None else words
    a = parse(words)
    try:
        for name in there(a.on, a.data):
            with tempfile.TemporaryDirectory() as scratch:
                results, seconds = run_studies(name, a, a.work or Path(scratch))
            about = f"{made_by('unseen.py', words)} Fits: {seconds:.0f} s of one core."
            parts = [
                f"## {name}",
                page(results),
                "Without labels, recording by recording:",
                recordings_of(results),
                about,
            ]
            text = "\n\n".join(parts)
            write_part(a.out / NAME, INTRO, name, results, text)
            print(text)
    except (ConfigError, DataError) as error:
        raise SystemExit(f"unseen: {error}") from None


if __name__ == "__main__":
    main()
