"""Versions of the software that a report was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from spikebridge import __version__

PACKAGES = ("torch", "scikit-learn", "statsmodels", "optuna", "numpy", "pandas", "dvc", "mlflow")


def package_versions() -> dict[str, str]:
    """Name of a package -> its version: spikebridge, Python and the libraries that compute, where they are there."""
    versions = {"spikebridge": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
