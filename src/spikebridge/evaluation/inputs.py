"""Everything evaluate reads, checked and brought into one order of trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spikebridge.artifacts.json_files import read_json
from spikebridge.artifacts.splits import load_splits
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.config import Config
from spikebridge.errors import DataError
from spikebridge.types import Splits, Windows

KEYS = ["recording", "trial", "fold", "block", "time_s", "split_hash"]


@dataclass(frozen=True)
class Decisions:
    """Out-of-fold predictions of one model, sorted by recording and time.

    table: predictions.parquet. label, predicted: (trial,), index into the classes. probabilities: (trial, class).
    evidence: (trial, class), the probabilities over the shares of the classes in training, scaled to sum to one: what
    the spikes say apart from how frequent a decision is.
    """

    model: str
    table: pd.DataFrame
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    evidence: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.label == self.predicted)


@dataclass(frozen=True)
class Translation:
    """Out-of-fold information of one translator about the target, sorted like the decisions.

    table: translation.parquet, with nats and spikes per trial, and the nats that the model's baseline alone tells.
    """

    model: str
    table: pd.DataFrame
    folder: Path

    @property
    def nats(self) -> NDArray[np.float64]:
        return self.table["nats"].to_numpy(np.float64)

    @property
    def from_source(self) -> NDArray[np.float64]:
        """(trial,), nats beyond what the model says without the source."""
        return self.nats - self.table["nats_without_source"].to_numpy(np.float64)

    @property
    def spikes(self) -> NDArray[np.float64]:
        return self.table["spikes"].to_numpy(np.float64)

    @cached_property
    def rates(self) -> Mapping[str, tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """(trial numbers, rates (trial, bin, unit) in spikes per bin) per recording."""
        path = self.folder / "rates.npz"
        with _open(path) as z:
            names = sorted({key.split("|")[0] for key in z.files})
            return {name: (z[f"{name}|trial"], z[f"{name}|rates"]) for name in names}


@dataclass(frozen=True)
class FoldLatents:
    """Latents of one recording from the fit of one fold. latents: (trial, bin, latent). is_test: (trial,)."""

    trial: NDArray[np.int64]
    is_test: NDArray[np.bool_]
    latents: NDArray[np.float32]


Latents = Mapping[str, Mapping[int, FoldLatents]]
"""recording -> fold -> latents."""


@dataclass(frozen=True)
class Inputs:
    """What the models said, and what there was to say."""

    windows: Mapping[str, Windows]
    animals: Mapping[str, str]
    splits: Splits
    classes: tuple[str, ...]
    decisions: Mapping[str, Decisions]
    translations: Mapping[str, Translation]
    latents: Mapping[str, Latents]
    consumed: Mapping[str, Mapping[str, Any]]
    history: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def recordings(self) -> list[str]:
        return sorted(self.windows)


def read(config: Config, windows_folder: Path, splits_path: Path, train_folder: Path) -> Inputs:
    """Read the windows, the manifest, and what train wrote for every model that the configuration names.

    Raises DataError naming the file and what it lacks.
    """
    windows = {w.recording: w for w in load_windows(windows_folder)}
    classes = next(iter(windows.values())).classes
    folders = {name: train_folder / name for name in config.models}
    for name, folder in folders.items():
        if not (folder / "consumed.json").is_file():
            raise DataError(f"{folder}: expected the results of model {name}, found none; run the stage train@{name}")
    return Inputs(
        windows=windows,
        animals=_animals(windows_folder, config.statistics.cluster == "animal"),
        splits=load_splits(splits_path),
        classes=classes,
        decisions={
            m: read_decisions(m, f, classes) for m, f in folders.items() if (f / "predictions.parquet").is_file()
        },
        translations={
            m: Translation(
                m, read_table(f / "translation.parquet", [*KEYS, "nats", "spikes", "nats_without_source"]), f
            )
            for m, f in folders.items()
            if (f / "translation.parquet").is_file()
        },
        latents={m: _latents(f / "latents.npz") for m, f in folders.items() if (f / "latents.npz").is_file()},
        consumed={m: read_json(f / "consumed.json") for m, f in folders.items()},
        history={m: pd.read_csv(f / "history.csv") for m, f in folders.items() if (f / "history.csv").is_file()},
    )


def _animals(windows_folder: Path, needed: bool) -> Mapping[str, str]:
    """Recording -> animal; nothing where no report tells it and it is not needed."""
    return load_animals(windows_folder) if needed or (windows_folder / "report.json").is_file() else {}


def read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """A table of trials, by recording and time. Raises DataError naming the file and the columns that it lacks."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as parquet: {error}") from None
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise DataError(f"{path}: expected columns {columns}, missing {missing}")
    return table.sort_values(["recording", "time_s", "trial"], kind="stable").reset_index(drop=True)


def read_decisions(model: str, folder: Path, classes: tuple[str, ...]) -> Decisions:
    """predictions.parquet of a folder. Raises DataError naming the file and what it lacks."""
    path = folder / "predictions.parquet"
    probability = [f"p_{c}" for c in classes]
    table = read_table(path, [*KEYS, "label", "predicted", *probability])
    number = {c: k for k, c in enumerate(classes)}
    for column in ("label", "predicted"):
        unknown = sorted(set(table[column].astype(str)) - set(classes))
        if unknown:
            raise DataError(f"{path}: column {column}: expected one of {list(classes)}, got {unknown}")
    p = table[probability].to_numpy(np.float64)
    wrong = ~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) < 1e-3))
    if wrong.any():
        row = table.iloc[int(np.argmax(wrong))]
        raise DataError(
            f"{path}: expected probabilities that sum to one, got {p[np.argmax(wrong)].tolist()} "
            f"at {row['recording']} trial {row['trial']}"
        )
    label = table["label"].astype(str).map(number).to_numpy(np.int64)
    predicted = table["predicted"].astype(str).map(number).to_numpy(np.int64)
    shares = [f"share_{c}" for c in classes]
    evidence = p / table[shares].to_numpy(np.float64) if set(shares) <= set(table.columns) else p
    return Decisions(model, table, label, predicted, p, evidence / evidence.sum(axis=1, keepdims=True))


def _latents(path: Path) -> Latents:
    found: dict[str, dict[int, FoldLatents]] = {}
    with _open(path) as z:
        for key in z.files:
            recording, fold, what = key.split("|")
            if what == "latents":
                at = f"{recording}|{fold}|"
                parts = FoldLatents(z[at + "trial"], z[at + "is_test"].astype(bool), z[key])
                found.setdefault(recording, {})[int(fold)] = parts
    return found


def _open(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
