"""Cores of encoder and decoder, found by file name: to add one, add a file that defines a Core."""

from __future__ import annotations

import importlib
import pkgutil

from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from spikebridge.errors.messages import did_you_mean

__all__ = ["Core", "build_core", "check_core", "core_names"]


class Core(nn.Module):
    """A map over time, (window, bin, input) -> (window, bin, width), for windows of any number of bins.

    Parameters
    ----------
    inputs : int
        Size of the last axis of the input.
    hidden_size : int
        Hidden units per direction.
    two_sided : bool
        Whether the output of a bin may depend on later bins; otherwise it depends on bins up to its own only.

    Attributes
    ----------
    width : int
        Size of the last axis of the output; a subclass sets it.
    """

    width: int

    def __init__(self, inputs: int, hidden_size: int, two_sided: bool) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Run the core.

        Parameters
        ----------
        x : Tensor, shape (window, bin, input)
            Input.

        Returns
        -------
        Tensor, shape (window, bin, width)
            Output.
        """
        raise NotImplementedError


def core_names() -> list[str]:
    """List the names of all cores.

    Returns
    -------
    list of str
        Names of the modules of this package.
    """
    return sorted(m.name for m in pkgutil.iter_modules(__path__))


def check_core(name: str) -> str:
    """Check the name of a core, as a validator of pydantic.

    Parameters
    ----------
    name : str
        A name.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    PydanticCustomError
        Where there is no core of this name.
    """
    known = core_names()
    if name not in known:
        hint = did_you_mean(name, known, "")
        raise PydanticCustomError("core", "expected one of {known}{hint}", {"known": ", ".join(known), "hint": hint})
    return name


def build_core(name: str, inputs: int, hidden_size: int, two_sided: bool) -> Core:
    """Make an untrained core.

    Parameters
    ----------
    name : str
        One of `core_names`.
    inputs, hidden_size, two_sided
        See `Core`.

    Returns
    -------
    Core
        With initial weights from torch's global random state.
    """
    module = importlib.import_module(f"{__name__}.{check_core(name)}")
    cores = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Core)]
    return next(c for c in cores if c.__module__ == module.__name__)(inputs, hidden_size, two_sided)
