"""Hold the docstrings of the public functions and classes to the numpydoc standard: `make check` runs this.

Public is what a package of spikebridge lists in `__all__`, and the public methods of the classes there. In the rooms of
which others import the modules (`BY_MODULE`) it is what a module defines under a name without a leading underscore.
Each needs a summary, and where it takes arguments, returns or yields something, the sections Parameters, Returns or
Yields. numpydoc (https://numpydoc.readthedocs.io) does the checking.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from enum import Enum
from types import ModuleType

from numpydoc.validate import validate

import spikebridge

CODES = {
    "GL08": "no docstring",
    "GL06": "unknown section",
    "GL07": "sections in the wrong order",
    "SS01": "no summary",
    "PR01": "arguments that are not described",
    "PR02": "descriptions of arguments that do not exist",
    "PR03": "arguments in another order",
    "PR07": "an argument without a description",
    "RT01": "no section Returns",
    "RT03": "a return value without a description",
    "YD01": "no section Yields",
}
"""The checks of numpydoc that count here."""
BY_MODULE = frozenset({"artifacts", "fitting", "runtime"})
"""Rooms whose `__init__` hands on nothing, so that a stage depends on the modules that it uses alone."""


def public_names(rooms: set[str]) -> Iterator[str]:
    """Dotted names of the public objects of the rooms (all of them where none is named)."""
    for info in pkgutil.walk_packages(spikebridge.__path__, "spikebridge."):
        room = info.name.split(".")[1]
        if not (info.ispkg or room in BY_MODULE) or (rooms and room not in rooms):
            continue
        module = importlib.import_module(info.name)
        for name in defined(module) if room in BY_MODULE else getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not (inspect.isfunction(thing) or inspect.isclass(thing)):
                continue
            full = f"{thing.__module__}.{thing.__qualname__}"
            if not full.startswith("spikebridge."):
                continue
            if not (inspect.isclass(thing) and issubclass(thing, Enum)):  # nobody constructs a member of an enum
                yield full
            if inspect.isclass(thing):
                yield from (
                    f"{full}.{key}"
                    for key, member in vars(thing).items()
                    if not key.startswith("_") and (inspect.isfunction(member) or isinstance(member, classmethod))
                )


def defined(module: ModuleType) -> list[str]:
    """Names of what a module defines and does not import, without a leading underscore."""
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]


def problems(name: str) -> list[str]:
    """Lines about one object, each with the code of numpydoc; empty where its docstring is as it should be."""
    errors = validate(name)["errors"]
    return [f"{name}: {code} {text}" for code, text in errors if code in CODES]


def main() -> int:
    names = sorted(set(public_names(set(sys.argv[1:]))))
    lines = [line for name in names for line in problems(name)]
    print("\n".join(lines) or f"{len(names)} public docstrings follow numpydoc")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
