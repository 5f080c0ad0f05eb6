"""spikebridge: translate spikes of one brain region into another's, and test what the shared latents predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from spikebridge.artifacts.project_results import ProjectResults
    from spikebridge.notebook import FittedModels
    from spikebridge.tracking.served_model import ServedModel

__version__ = "0.1.0"
__all__ = ["__version__", "fit", "load", "results"]


def fit(
    recordings: Any,
    params: str | Path | Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    verbose: bool = False,
    **sections: Any,
) -> FittedModels:
    """Fit models to recordings in a notebook or a script: the stages of the pipeline, without DVC.

    >>> fitted = spikebridge.fit("recordings", data={"source": ["HC"], "target": ["PFC"]})  # doctest: +SKIP
    >>> fitted.compare(), fitted.report(), fitted.results.latents()  # doctest: +SKIP

    recordings: a path, several paths or Recording objects, or name -> pynapple objects (units, trials). params: a
    parameter file or its sections; further keyword arguments are sections of params.yaml. folder: of all results
    (default: a temporary one). verbose: show what the stages print. Raises ConfigError, DataError or StageFailedError.
    """
    from spikebridge.notebook import fit as fit_recordings

    return fit_recordings(recordings, params, folder, verbose, **sections)


def load(uri: str | Path, project: str | Path | None = None) -> ServedModel:
    """A registered model ("models:/<name>@champion") or a saved one (a folder), ready to predict.

    >>> model = spikebridge.load("models:/spikebridge@champion")  # doctest: +SKIP
    >>> model.predict(counts, output="probabilities")  # counts: (trial, bin, unit), spikes per bin  # doctest: +SKIP

    project: the folder of the project that registered the model, where that is not the working folder. Nothing of the
    model's files is executed or unpickled. Raises RegistryError when there is no such model or project.
    """
    from pathlib import Path

    from spikebridge.errors import RegistryError
    from spikebridge.tracking.load import load as load_model

    if project is not None and not Path(project).is_dir():
        raise RegistryError(f"load: project: expected the folder of a project, found none at {project}")
    return load_model(uri, None if project is None else Path(project))


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
