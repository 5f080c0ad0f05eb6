"""Code and libraries of two processes, compared: results of different versions must not be mixed."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from importlib import metadata

from spikebridge.runtime.hashing import source_hash
from spikebridge.runtime.source_code import OWN

MISSING = "none"
CODE, PYTHON, PLATFORM = "the code of spikebridge", "Python", "the kind of machine"
TRANSPORT = ("dask", "distributed", "cloudpickle")
"""Packages beside those that spikebridge asks for: different versions do not understand each other."""


def software() -> dict[str, str]:
    """What the results of this process depend on beside data and settings.

    Returns
    -------
    dict of str to str
        Name -> version: of Python, of every package that spikebridge asks for (extras included), of the code of
        spikebridge (a digest, without the wording of messages), and of the kind of machine.
    """
    return {CODE: source_hash()[:12], **libraries(), **{name: _version(name) for name in TRANSPORT}}


def libraries() -> dict[str, str]:
    """The same without the code of spikebridge, and without what carries jobs to other machines.

    Returns
    -------
    dict of str to str
        Name -> version.
    """
    return {
        PYTHON: platform.python_version(),
        PLATFORM: f"{platform.system()} {platform.machine()}",
        **{name: _version(name) for name in _required()},
    }


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """What differs.

    Parameters
    ----------
    here, there : mapping of str to str
        As of `software`.

    Returns
    -------
    list of str
        One text for each difference, such as "numpy 2.4.6 here, 2.3.0 there".
    """
    names = [name for name in dict.fromkeys((*here, *there)) if here.get(name, MISSING) != there.get(name, MISSING)]
    return [f"{name} {here.get(name, MISSING)} here, {there.get(name, MISSING)} there" for name in names]


def code_folder() -> str:
    """Where the code of spikebridge lies that this process runs.

    Returns
    -------
    str
        Path of the package.
    """
    return str(OWN)


def _required() -> Iterator[str]:
    """Names of the packages that spikebridge asks for, none where it runs without being installed."""
    try:
        lines = metadata.requires("spikebridge") or []
    except metadata.PackageNotFoundError:
        return
    names = (re.match(r"[\w.-]+", line) for line in lines if 'extra == "dev"' not in line)
    yield from sorted({match[0].lower() for match in names if match} - {"spikebridge"})


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING
