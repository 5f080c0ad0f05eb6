"""spikebridge: translate spikes of one brain region into another's, and test what the shared latents predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from spikebridge.artifacts.project_results import ProjectResults
    from spikebridge.tracking.served_model import ServedModel

__version__ = "0.1.0"
__all__ = ["__version__", "load", "results"]


def load(uri: str | Path) -> ServedModel:
    """A registered model ("models:/<name>@champion") or a saved one (a folder), ready to predict.

    >>> model = spikebridge.load("models:/spikebridge@champion")  # doctest: +SKIP
    >>> model.predict(counts, output="probabilities")  # counts: (trial, bin, unit), spikes per bin  # doctest: +SKIP

    Nothing of the model's files is executed or unpickled. Raises RegistryError when there is no such model.
    """
    from spikebridge.tracking.load import load as load_model

    return load_model(uri)


def results(folder: str | Path = ".") -> ProjectResults:
    """The results of a project folder as tables of pandas.

    >>> results = spikebridge.results()  # doctest: +SKIP
    >>> results.scores, results.comparisons, results.predictions, results.latents()  # doctest: +SKIP

    Files are read when they are asked for. Raises DataError where the folder does not exist.
    """
    from pathlib import Path

    from spikebridge.artifacts.project_results import ProjectResults
    from spikebridge.errors import DataError

    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"results: expected the folder of a project, found none at {place}")
    return ProjectResults(place)
