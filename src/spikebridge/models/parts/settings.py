"""The settings of a model: checked, and every wrong one named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from spikebridge.config import Section
from spikebridge.errors import ConfigError
from spikebridge.errors.messages import did_you_mean


class Params(Section):
    """Settings of one model; a key given in params.yaml is fixed, the others are tuned where the model tunes them."""


@dataclass(frozen=True)
class WrongParam:
    """What is wrong with one setting of a model, and the keys that were perhaps meant."""

    text: str
    hint: str = ""


def wrong_params(name: str, section: type[Params], values: Mapping[str, Any]) -> list[WrongParam]:
    """Everything that is wrong with the settings of a model."""
    try:
        section(**values)
    except ValidationError as error:
        return [_wrong_param(name, section, each) for each in error.errors()]
    return []


def _wrong_param(name: str, section: type[Params], error: ErrorDetails) -> WrongParam:
    key = ".".join(str(step) for step in error["loc"])
    if error["type"] != "extra_forbidden":
        return WrongParam(f"models.{name}.{key}: {error['msg']}, got {error['input']!r}")
    known = ", ".join(section.model_fields) or "none"
    hint = did_you_mean(key, section.model_fields, f"; known: {known}")
    return WrongParam(f"unknown key models.{name}.{key}", hint)


def validated_params(name: str, section: type[Params], values: Mapping[str, Any]) -> Params:
    """Checked settings of a model. Raises ConfigError naming every wrong key, with "did you mean"."""
    if wrong := wrong_params(name, section, values):
        raise ConfigError("; ".join(w.text + w.hint for w in wrong))
    return section(**values)


def suggest(trial: Any, key: str, how: tuple[Any, ...]) -> Any:
    """One setting as Optuna suggests it. how: ("log" | "float", low, high) or ("categorical", value, value, ...)."""
    kind, *args = how
    if kind == "categorical":
        return trial.suggest_categorical(key, list(args))
    return trial.suggest_float(key, *args, log=kind == "log")
