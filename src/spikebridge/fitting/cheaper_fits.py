"""What the fits of a trial leave out: enough to rank trials, in less time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spikebridge.models import Model

HOPELESS = 2.0
"""A trial ends where it would have to gain more than this many times what the best one gained in the epochs left."""


def epoch_limits(params: Mapping[str, Any], kind: type[Model]) -> list[int]:
    """When a fit with these settings stops early.

    Parameters
    ----------
    params : mapping
        Settings of a model.
    kind : type of Model
        The model.

    Returns
    -------
    list of int
        max_epochs and patience, as `has_ended` takes them; empty if the model does not stop by them.
    """
    fields = kind.Params.model_fields
    keys = ("max_epochs", "patience")
    if not kind.early_stopping or not all(key in fields for key in keys):
        return []
    return [params.get(key, fields[key].default) for key in keys]


def cheaper_settings(params: dict[str, Any], kind: type[Model], cap: int | None) -> dict[str, Any]:
    """Settings that suffice to rank trials: one network, no trees, and fewer epochs with a shorter schedule.

    Parameters
    ----------
    params : dict
        Settings of a model.
    kind : type of Model
        The model. It may name further settings that are lowered (`while_tuning`).
    cap : int or None
        Largest number of epochs; None: nothing is cheaper.

    Returns
    -------
    dict
        Other settings stay as they are.
    """
    fields = kind.Params.model_fields
    if cap is None:
        return params
    highest = kind.while_tuning.items()
    params = params | {key: min(value, params.get(key, fields[key].default)) for key, value in highest}
    if "max_epochs" not in fields or not kind.early_stopping:
        return params
    reduced = {key: n for key, n in (("n_members", 1), ("n_readout_trees", 0)) if key in fields}
    return params | {"max_epochs": min(cap, params.get("max_epochs", fields["max_epochs"].default))} | reduced


def is_hopeless(values: Sequence[float], best: Sequence[float]) -> bool:
    """Whether a trial that is still learning has so little to gain that it will not become the best.

    Parameters
    ----------
    values : sequence of float
        Of the trial after each epoch so far; the largest counts.
    best : sequence of float
        The same of the best trial, of all its epochs; may be empty.

    Returns
    -------
    bool
        Whether the trial lacks more than HOPELESS times what the best one gained after as many epochs.
    """
    if not 0 < len(values) < len(best):
        return False
    return max(best) - max(values) > HOPELESS * (max(best) - max(best[: len(values)]))
