"""Keys of params.yaml that have a new name or place: a file with an old one is refused with the new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LAGGED = {"reach_s": "max_lag_s"}
_HISTORY = {"history_s": "history_tau_s", "own_penalty": "self_history_penalty"}
_MODELS = {
    "behavior": {"segments": "n_segments", "squares": "squared_terms"},
    "cebra": {
        "batch": "batch_size",
        "hidden": "hidden_size",
        "iterations": "max_iterations",
        "latents": "n_latents",
        "offset_s": "time_offset_s",
        "rate": "learning_rate",
        "segments": "n_segments",
    },
    "choice_history": {"back": "n_previous_trials"},
    "dnn": {
        "batch": "batch_size",
        "epochs": "max_epochs",
        "hidden": "hidden_size",
        "rate": "learning_rate",
        "segments": "n_segments",
    },
    "gradient_boosting": {
        "depth": "max_depth",
        "rate": "learning_rate",
        "segments": "n_segments",
        "trees": "n_estimators",
    },
    "logistic": {"segments": "n_segments"},
    "nemos_glm": _LAGGED,
    "poisson_glm": _LAGGED,
    "random_forest": {"min_leaf": "min_samples_leaf", "segments": "n_segments", "trees": "n_estimators"},
    "reduced_rank": _LAGGED,
    "ridge": _LAGGED,
    "seq2seq": {
        "batch": "batch_size",
        "direction_in_time": "causal (true or false)",
        "epochs": "max_epochs",
        "hidden": "hidden_size",
        "inputs": "input_size",
        "latents": "n_latents",
        "members": "n_members",
        "noise": "noise_sd",
        "rate": "learning_rate",
        "rate_penalty": "rate_modulation_penalty",
        "readout_trees": "n_readout_trees",
        "start_penalty": "warm_start_penalty",
    },
    "target_history": _HISTORY,
    "target_history_source": _HISTORY | _LAGGED,
    "time_in_recording": {"pieces": "n_pieces"},
    "trial_columns": {"products": "interactions"},
}
RENAMED = {
    "simulate.recordings": "n_recordings",
    "simulate.animals": "n_animals",
    "simulate.trials": "n_trials",
    "simulate.source_units": "n_source_units",
    "simulate.target_units": "n_target_units",
    "simulate.dimension": "n_shared_latents",
    "simulate.private": "private_gain",
    "split.outer_folds": "n_outer_folds",
    "split.inner_folds": "n_inner_folds",
    "tune.trials": "n_trials",
    "tune.startup_trials": "n_startup_trials",
    "tune.epochs": "max_epochs",
    "analysis.folds": "n_folds",
    "analysis.members": "n_members",
    "analysis.epochs": "max_epochs",
    "analysis.run": "analyses",
    "ladder": "nested_models",
    "ladder.task": "task_columns",
    "ladder.how": "confound_control",
    "statistics.resamples": "n_resamples",
    "statistics.margin": "equivalence_margin",
} | {f"models.{model}.{old}": new for model, keys in _MODELS.items() for old, new in keys.items()}
"""Old key, with its section -> the new name of its last part."""
_TRANSLATORS = (
    "nemos_glm", "poisson_glm", "reduced_rank", "ridge", "seq2seq", "target_history", "target_history_source"
)  # fmt: skip
MOVED = {f"models.{model}.{key}": f"baseline.{key}" for model in _TRANSLATORS for key in ("psth", "drift")}
"""Old key -> its new place, section and key."""

REPLACED = {
    "models.seq2seq.label_direction": "the model seq2seq_label_direction; seq2seq decides from its shared latents "
    "alone, so leave the key out"
}
"""Old key -> what does the same now."""


def renamed_keys(parameters: Mapping[str, Any]) -> list[str]:
    """One sentence for every old key of a parameter file, with the new name."""
    now = {**RENAMED, **REPLACED, **{old: f"{new}, one setting for all translators" for old, new in MOVED.items()}}
    return [f"{key} is now {now[key]}" for key in _keys(parameters) if key in now]


def _keys(values: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        name = f"{above}{key}"
        yield name
        if isinstance(value, Mapping):
            yield from _keys(value, f"{name}.")
