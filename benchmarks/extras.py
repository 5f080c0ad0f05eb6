"""Models of other libraries in the benchmark of quality: which they are, and their table.

CEBRA and NeMoS are models of spikebridge that need a package. LFADS is the model of benchmarks/peers; the registry of
models knows it only after `use_lfads`, in this process.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from spikebridge import models
from spikebridge.config import Config
from spikebridge.errors import ConfigError

LFADS = "lfads"
PEERS = Path(__file__).resolve().parent / "peers"
NEEDED = ("lfads_torch/model.py", "configs/single.yaml")
"""Files by which a checkout of lfads-torch is known."""
BESIDE_EXTRAS = ("seq2seq", "poisson_glm", "logistic", "majority")
"""Our own models that those of other libraries are read against."""
METRICS = {
    "bits_per_spike": "bits/spike", "source_bits_per_spike": "source bits/spike", "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options --extras and --lfads."""
    parser.add_argument("--extras", action="store_true", help="models of other libraries, in a table of their own")
    parser.add_argument("--lfads", type=Path, metavar="PATH", help="a checkout of lfads-torch; implies --extras")
    parser.add_argument("--lfads-python", type=Path, metavar="PATH", help="its interpreter; default: in its .venv")
    parser.add_argument("--lfads-epochs", type=int, metavar="N", help="at most; default: as the checkout says")


def use_lfads() -> None:
    """Let spikebridge.models find the model lfads, in this process."""
    if str(PEERS) not in models.__path__:
        models.__path__.append(str(PEERS))


def extra_models(checkout: Path | None = None) -> list[str]:
    """The models of other libraries that are there, and what they are read against. Raises ConfigError for none."""
    extras = [m for m in models.names() if models.get_class(m).extra]
    installed = [m for m in extras if not models.get_class(m).missing_package()]
    if not installed and checkout is None:
        raise ConfigError("; ".join(models.get_class(m).missing_package() for m in extras))
    return [*installed, *([LFADS] if checkout is not None else []), *BESIDE_EXTRAS]


def with_lfads(settings: Config, a: argparse.Namespace) -> Config:
    """The parameters with the places of the checkout and its interpreter. Raises ConfigError for a wrong place."""
    if LFADS not in settings.models:
        return settings
    if a.lfads is None:
        raise ConfigError("the model lfads needs --lfads PATH, a checkout of lfads-torch")
    lacking = [name for name in NEEDED if not (a.lfads / name).is_file()]
    if lacking:
        raise ConfigError(f"--lfads: {a.lfads} is no checkout of lfads-torch: expected {lacking[0]} in it, found none")
    python = a.lfads_python or a.lfads / ".venv/bin/python"
    if not python.is_file():
        raise ConfigError(f"--lfads-python: expected the interpreter of the checkout, found no file {python}")
    places = {"checkout": str(a.lfads.resolve()), "python": str(python.absolute()), "epochs": a.lfads_epochs}
    return settings.model_copy(update={"models": settings.models | {LFADS: settings.models[LFADS] | places}})


def one_process(settings: Config) -> Config:
    """The parameters for a fit of lfads: worker processes would not know the model."""
    return settings.model_copy(update={"compute": settings.compute.model_copy(update={"workers": 1})})


def packages(results: pd.DataFrame) -> list[str]:
    """The other libraries behind the models of a table."""
    return sorted({extra for m in {*results["model"]} & {*models.names()} if (extra := models.get_class(m).extra)})


def about_lfads(results: pd.DataFrame, a: argparse.Namespace) -> str:
    """Which state of the checkout was run, and for how long; empty without lfads."""
    if LFADS not in set(results["model"]):
        return ""
    command = ["git", "-C", str(a.lfads), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    commit = f"commit {done.stdout.strip()}" if done.returncode == 0 else "of unknown state"
    length = f"at most {a.lfads_epochs} epochs" if a.lfads_epochs else "as many epochs as its configuration says"
    return f" lfads-torch {commit}, {length}."


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """One row a model: its seconds and memory, and its scores over all recordings; a gap where it has none."""
    pooled = results[results["recording"] == "all"].pivot_table(
        index="model", columns="metric", values="value", sort=False
    )
    order = [m for m in dict.fromkeys(results["model"]) if m in pooled.index and " " not in m]
    pooled = pooled.reindex(index=order, columns=["tune_s", "train_s", "cpu_s", "peak_mb", *METRICS])
    costs: Mapping[str, Any] = {
        "seconds": (pooled["tune_s"] + pooled["train_s"]).round(1),
        "seconds of the processor": pooled["cpu_s"].round(1),
        "peak memory MB": pooled["peak_mb"].round(1),
    }
    scores = {title: pooled[metric] for metric, title in METRICS.items()}
    return pd.DataFrame({**costs, **scores}).rename_axis("model").reset_index()
