"""The JSON files beside a saved model: what its registration or adaptation records about it, and its gates.

served.json      of a registered model: where it comes from, its scores, its hashes; served with the model
adapted.json     of a model that `spikebridge adapt` wrote: its new recordings and its scores on held-out blocks

Both hold, as "fitted_on", the settings and windows of the fit: see spikebridge.artifacts.fitted_on.
gates.json       among the evidence of a registered model: the outcome of every gate
model_card.json  there too: the parts of the model card

models.parts.saved_files owns model.json and manifest.json, the files of the saved model itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikebridge.artifacts.fitted_on import FittedOn
from spikebridge.artifacts.json_files import read_strict_json

SERVED, ADAPTED, GATES, CARD = "served.json", "adapted.json", "gates.json", "model_card.json"
FITTED_ON = "fitted_on"
"""Key of served.json and adapted.json."""


def write_served(about: Mapping[str, Any], folder: Path) -> None:
    """Write served.json into the folder of a saved model that is to be registered.

    Parameters
    ----------
    about : mapping
        Where the model comes from, its scores, its hashes.
    folder : Path
        Of the model.
    """
    _write(folder / SERVED, about)


def read_served(folder: Path) -> dict[str, Any]:
    """Read served.json.

    Parameters
    ----------
    folder : Path
        Of the model.

    Returns
    -------
    dict
        Empty for a model that is not registered.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    path = folder / SERVED
    return read_strict_json(path) if path.is_file() else {}


def write_adapted(
    recordings: Sequence[str], held_out: Sequence[Mapping[str, Any]], seed: int, fitted: FittedOn, folder: Path
) -> None:
    """Write adapted.json into the folder of an adapted model.

    Parameters
    ----------
    recordings : sequence of str
        Names of the recordings that it was adapted to.
    held_out : sequence of mapping
        One row a recording and kind of fit; see spikebridge.fitting.adaptation.
    seed : int
        Of every random stream.
    fitted : FittedOn
        Settings and training windows of the fit.
    folder : Path
        Of the model.
    """
    content = {"recordings": list(recordings), "held_out": list(held_out), "seed": seed, FITTED_ON: fitted.content()}
    _write(folder / ADAPTED, content)


def read_fitted_on(folder: Path) -> FittedOn:
    """Read what a saved model was fitted on.

    Parameters
    ----------
    folder : Path
        Of the model. An adapted model has the record of the model that it was made from in its adapted.json.

    Returns
    -------
    FittedOn
        Empty where neither file says it.

    Raises
    ------
    DataError
        Where one of the files is damaged.
    """
    for name in (ADAPTED, SERVED):
        if (folder / name).is_file():
            return FittedOn.parse(read_strict_json(folder / name).get(FITTED_ON, {}), str(folder / name))
    return FittedOn()


def write_gates(gates: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Write gates.json into the folder of the evidence.

    Parameters
    ----------
    gates : mapping
        Name -> outcome and reason.
    folder : Path
        Of the evidence.
    """
    _write(folder / GATES, gates)


def write_card(card: Mapping[str, Any], folder: Path) -> None:
    """Write model_card.json into the folder of the evidence.

    Parameters
    ----------
    card : mapping
        The parts of the model card.
    folder : Path
        Of the evidence.
    """
    _write(folder / CARD, card)


def read_card(path: Path) -> dict[str, Any]:
    """Read a model_card.json.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        The parts of the model card.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    return read_strict_json(path)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
