"""Cores of encoder and decoder, found by file name: adding one is adding a file that defines a Core."""

from __future__ import annotations

import importlib
import pkgutil

from pydantic_core import PydanticCustomError

from spikebridge.errors.messages import did_you_mean
from spikebridge.models.seq2seq.cores.base import Core

__all__ = ["Core", "build_core", "check_core", "core_names"]
NOT_CORES = {"base"}


def core_names() -> list[str]:
    """Every core there is."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in NOT_CORES)


def check_core(name: str) -> str:
    """The name, where there is a core of it; pydantic says what is wrong with it otherwise."""
    known = core_names()
    if name not in known:
        hint = did_you_mean(name, known, "")
        raise PydanticCustomError("core", "expected one of {known}{hint}", {"known": ", ".join(known), "hint": hint})
    return name


def build_core(name: str, inputs: int, hidden: int, two_sided: bool) -> Core:
    """An untrained core of that name."""
    module = importlib.import_module(f"{__name__}.{check_core(name)}")
    found = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Core)]
    return next(c for c in found if c.__module__ == module.__name__)(inputs, hidden, two_sided)
