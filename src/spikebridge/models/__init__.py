"""The models, found by file name: adding one is adding a file (or package) that defines a Model of that name."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikebridge.errors import ConfigError, DataError
from spikebridge.models.base import Model, check_params
from spikebridge.models.parts.saved_files import MODEL_FILE, read_saved_model

__all__ = ["Model", "check", "create", "fixed", "kind", "load", "names"]
NOT_MODELS = {"base", "parts"}
TUNE = "tune"


def names() -> list[str]:
    """Every model there is."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_MODELS)


def kind(name: str) -> type[Model]:
    """The class of a model. Raises ConfigError with "did you mean" for an unknown name."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        raise ConfigError(
            f"unknown model {name!r}"
            + (f", did you mean {near[0]}?" if near else "")
            + f" (known: {', '.join(names())})"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    return next(
        c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Model) and vars(c).get("name") == name
    )


def create(name: str, params: Mapping[str, Any] | None = None, device: str = "cpu") -> Model:
    """A model that has not been fitted."""
    return kind(name)(params, device)


def load(folder: Path) -> Model:
    """Read a saved model of any kind; see `Model.load`."""
    folder = Path(folder)
    if not (folder / MODEL_FILE).is_file():
        raise DataError(f"{folder}: expected a saved model with a {MODEL_FILE}, found none")
    name = read_saved_model(folder).model
    if name not in names():
        raise DataError(f"{folder / MODEL_FILE}: expected model as one of {', '.join(names())}, got {name[:80]!r}")
    return kind(name).load(folder)


def fixed(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the user has given a value; the word `tune` leaves a setting to the tuner.

    Raises ConfigError for an unknown model or key, a wrong value, `tune` for a key that is not tuned, or a model whose
    package is not installed.
    """
    model = kind(name)
    if missing := model.missing():
        raise ConfigError(missing)
    given = {k: v for k, v in params.items() if not (v == TUNE and k in model.Params.model_fields)}
    check_params(name, model.Params, given)
    for key in params:
        if key not in given and key not in model.space:
            can = ", ".join(model.space) or "none"
            raise ConfigError(f"models.{name}.{key} cannot be tuned, give it a value (tunable: {can})")
    return given


def check(models: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the section models: of params.yaml; see `fixed`."""
    for name, params in models.items():
        fixed(name, params)
