"""The models, found by file name: to add one, add a file (or package) that defines a Model of that name."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spikebridge.baseline import Baselines
from spikebridge.errors import ConfigError, DataError
from spikebridge.models.base import Model
from spikebridge.models.parts.saved_files import MODEL_FILE, read_saved_model
from spikebridge.models.parts.settings import validated_params

__all__ = [
    "Model",
    "check_new_units",
    "check_section",
    "create",
    "fixed_params",
    "get_class",
    "load",
    "names",
    "random_stream",
]
NOT_MODELS = {"base", "parts"}
TUNE = "tune"


def names() -> list[str]:
    """List the names of all models.

    Returns
    -------
    list of str
        Names of the modules of this package that define a model.
    """
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_MODELS)


def get_class(name: str) -> type[Model]:
    """Import the class of a model.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    type
        The subclass of Model.

    Raises
    ------
    ConfigError
        For an unknown name; it suggests a similar one.
    """
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


def random_stream(name: str) -> str:
    """Give the name that keys the random streams of a model's fits.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    str
        The same name, or that of the model whose draws it shares: with equal settings both then have equal fits.

    Raises
    ------
    ConfigError
        For an unknown name.
    """
    return get_class(name).random_stream or name


def create(
    name: str, params: Mapping[str, Any] | None = None, device: str = "cpu", baselines: Baselines | None = None
) -> Model:
    """Make a model that is not fitted.

    Parameters
    ----------
    name : str
        One of `names`.
    params : mapping, optional
        Settings that differ from the defaults.
    device : str
        Where torch computes, such as "cpu" or "cuda".
    baselines : Baselines, optional
        Fits the baselines of translators; None: both terms where they raise the likelihood of held-out blocks.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    ConfigError
        For an unknown name or wrong settings.
    """
    return get_class(name)(params, device, baselines)


def load(folder: Path, baselines: Baselines | None = None) -> Model:
    """Read a saved model of any class; see `Model.load`.

    Parameters
    ----------
    folder : Path
        A folder that `Model.save` wrote.
    baselines : Baselines, optional
        Fits the baselines of recordings that are added to the model.

    Returns
    -------
    Model
        Predicts as the model that was saved.

    Raises
    ------
    DataError
        Where the folder does not hold a saved model, or its files were changed.
    """
    folder = Path(folder)
    if not (folder / MODEL_FILE).is_file():
        raise DataError(f"{folder}: expected a saved model with a {MODEL_FILE}, found none")
    name = read_saved_model(folder).model
    if name not in names():
        raise DataError(f"{folder / MODEL_FILE}: expected model as one of {', '.join(names())}, got {name[:80]!r}")
    return get_class(name).load(folder, baselines)


def fixed_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings that the user has given a value; the word `tune` leaves a setting to the tuner.

    Parameters
    ----------
    name : str
        One of `names`.
    params : mapping
        The section of this model in params.yaml.

    Returns
    -------
    dict
        Settings with their values.

    Raises
    ------
    ConfigError
        For an unknown model or key, a wrong value, `tune` for a key that is not tuned, or a model whose package is not
        installed.
    """
    model = get_class(name)
    if missing := model.missing_package():
        raise ConfigError(missing)
    given = {k: v for k, v in params.items() if not (v == TUNE and k in model.Params.model_fields)}
    validated_params(name, model.Params, given)
    for key in params:
        if key not in given and key not in model.space:
            tunable = ", ".join(model.space) or "none"
            raise ConfigError(f"models.{name}.{key} cannot be tuned, give it a value (tunable: {tunable})")
    return given


def check_section(models: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the section models of params.yaml; see `fixed_params`.

    Parameters
    ----------
    models : mapping
        Name of a model -> its section.

    Raises
    ------
    ConfigError
        For the first model that is wrong.
    """
    for name, params in models.items():
        fixed_params(name, params)


def check_new_units(by: str, section: Iterable[str]) -> None:
    """Refuse models that cannot meet new units, all of them by name.

    Parameters
    ----------
    by : str
        What is held out: block, recording or animal.
    section : iterable of str
        The models of params.yaml.

    Raises
    ------
    ConfigError
        Where recordings are held out, and some of these models are fitted to labels of each recording.
    """
    refused = [] if by == "block" else sorted(name for name in section if not get_class(name).meets_new_units())
    if refused:
        able = ", ".join(name for name in names() if get_class(name).meets_new_units())
        raise ConfigError(
            f"split.by: {by} holds out whole recordings with their labels, and {', '.join(refused)} cannot predict a "
            f"recording without labels of its units: take {', '.join(f'models.{name}' for name in refused)} out, or "
            f"use split.by: block (models that meet new units: {able})"
        )
