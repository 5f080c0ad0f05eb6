"""`spikebridge.fit`: the stages of the pipeline in a folder of their own, in the order of dvc.yaml, without DVC.

Each stage is the script that DVC runs, in a new process: the numbers are those of the pipeline, the kernel of a
notebook neither holds the data nor starts threads, and a script needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spikebridge import config
from spikebridge.artifacts.evaluation import EVALUATION_FOLDER
from spikebridge.artifacts.figures import FIGURES_FOLDER
from spikebridge.artifacts.latent_analysis import LATENT_ANALYSIS_FOLDER
from spikebridge.artifacts.nested_models import NESTED_MODELS_FOLDER
from spikebridge.artifacts.project_results import ProjectResults
from spikebridge.artifacts.report import REPORT_FOLDER, ReportRun
from spikebridge.artifacts.training import TRAINING_FOLDER
from spikebridge.artifacts.tuning import TUNING_FOLDER
from spikebridge.config.strict_yaml import load_yaml
from spikebridge.errors import ConfigError, DataError
from spikebridge.notebook.recordings import data_settings
from spikebridge.projects import made_by, shipped_file, write_pipeline
from spikebridge.runtime.pipeline_run import stage_names
from spikebridge.runtime.stage import remove, say
from spikebridge.runtime.without_dvc import run_stages

COMPARING, REPORTING, REGISTERING = ("analyze", "nested_models", "evaluate"), ("figures", "report"), ("register",)
"""Stages after the fits: of `compare`, of `report`, and the one that needs MLflow, which is left out."""
RESULTS = (
    TUNING_FOLDER, TRAINING_FOLDER, LATENT_ANALYSIS_FOLDER, NESTED_MODELS_FOLDER, EVALUATION_FOLDER, FIGURES_FOLDER,
    REPORT_FOLDER,
)  # fmt: skip
"""Of an earlier fit, removed first: none may pass for one of this fit."""
OF_THE_DEFAULT_STUDY = ("simulate", "data", "trials")
"""Sections of the shipped params.yaml that describe the simulated recordings."""


class FittedModels:
    """Fitted models of `spikebridge.fit`: their comparison, their report, their held-out results.

    Parameters
    ----------
    folder : Path
        The folder of the project, where the stages run.
    verbose : bool
        Whether the lines that stages print are shown, and not only a line before each stage.
    temporary : TemporaryDirectory, optional
        The folder, where it goes when this object does.
    """

    def __init__(self, folder: Path, verbose: bool, temporary: tempfile.TemporaryDirectory[str] | None = None) -> None:
        self.folder = folder
        self._verbose = verbose
        self._temporary = temporary
        self._done: set[str] = set()

    def __repr__(self) -> str:
        return f"<models fitted in {self.folder}: {', '.join(self.results.models)}>"

    @property
    def results(self) -> ProjectResults:
        """Held-out predictions, latents and, after `compare`, scores, as tables: see `spikebridge.results`."""
        return ProjectResults(self.folder)

    def compare(self) -> Any:
        """Analyse, score and compare the models on held-out trials.

        Returns
        -------
        DataFrame
            One row a test, the declared ones (role "primary") first; the columns of comparisons.csv.

        Raises
        ------
        StageFailedError
            Where a stage finds a mistake, such as a leak.
        """
        self._run(COMPARING)
        table = self.results.comparisons
        return table.sort_values("role", key=lambda role: role != "primary", kind="stable", ignore_index=True)

    def report(self) -> Path:
        """Draw the figures and write the pages for people; models that are not compared yet are compared first.

        Returns
        -------
        Path
            The page of all recordings, to be opened in a browser.

        Raises
        ------
        StageFailedError
            Where a stage finds a mistake.
        """
        self._run((*COMPARING, *REPORTING))
        return ReportRun(self.folder / REPORT_FOLDER).index

    def _run(self, names: Sequence[str]) -> None:
        """Run those of the stages that have not run for these fits."""
        left = [name for name in stage_names(self.folder) if name in names and name not in self._done]
        run_stages(self.folder, left, say, say if self._verbose else lambda _: None)
        self._done |= set(left)

    def fit(self) -> None:
        """Run the stages up to the fits."""
        later = {*COMPARING, *REPORTING, *REGISTERING}
        self._run([name for name in stage_names(self.folder) if name not in later])


def fit(
    recordings: Any,
    params: str | Path | Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    verbose: bool = False,
    **sections: Any,
) -> FittedModels:
    """Fit models to recordings with the pipeline's own stages, without DVC.

    Parameters
    ----------
    recordings : path, Recording, iterable or mapping
        A file or folder that a reader takes; several paths or Recording objects; or name -> pynapple objects, as
        (units, trials) or (units, trials, behavior). See `notebook.recordings`.
    params : path or mapping, optional
        A parameter file, or its sections. Default: the shipped params.yaml without its settings for the
        simulated recordings.
    folder : path, optional
        Where everything is written: new, or of an earlier fit, whose results are replaced. Default: a temporary folder
        that goes when the returned object does.
    verbose : bool
        Whether everything that the stages print is shown.
    **sections : Any
        Sections of params.yaml whose keys replace those of `params`, such as trials={"label": "choice"}; `models`
        replaces the whole section.

    Returns
    -------
    FittedModels
        Its methods `compare` and `report` run the stages after the fits.

    Raises
    ------
    ConfigError
        For unknown or wrong settings, before anything runs.
    DataError
        For recordings that cannot be used, or a folder with other files.
    StageFailedError
        Where a stage finds a mistake in the recordings.
    """
    temporary = tempfile.TemporaryDirectory(prefix="spikebridge-") if folder is None else None
    place = Path(temporary.name if temporary else folder or "").resolve()
    _check_folder(place)
    raw = _merged(_base(params), sections)
    if "path" in _section(sections, "data"):
        raise ConfigError("fit: data.path: the recordings are the first argument; leave this key out")
    settings = config.parse(raw | {"data": _section(raw, "data") | {"path": "recordings"}}, "fit")
    write_pipeline(place)
    for results in RESULTS:
        remove(place / results)
    data = settings.data.model_dump(mode="json") | data_settings(recordings, place)
    content = settings.model_dump(mode="json") | {"data": data}
    (place / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    models = FittedModels(place, verbose, temporary)
    models.fit()
    return models


def _check_folder(place: Path) -> None:
    """Refuse a folder that holds anything but an earlier fit: a project of DVC has parameters and results to lose."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not made_by(place) or (place / ".dvc" / "config").exists():
        what = "a project of DVC" if made_by(place) else "other files"
        raise DataError(f"folder: {place}: expected a new folder or one of an earlier fit, found {what}")


def _base(params: str | Path | Mapping[str, Any] | None) -> dict[str, Any]:
    if isinstance(params, Mapping):
        return dict(params)
    path = shipped_file("params.yaml") if params is None else Path(params)
    config.load(path)
    content = load_yaml(path.read_text(encoding="utf-8"), str(path))
    return {key: value for key, value in content.items() if params is not None or key not in OF_THE_DEFAULT_STUDY}


def _merged(base: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the keys of the sections; models replace those of the base."""
    merged = dict(base)
    for name, value in sections.items():
        whole = name == "models" or not isinstance(value, Mapping)
        merged[name] = value if whole else _section(base, name) | dict(value)
    return merged


def _section(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = raw.get(name) or {}
    if not isinstance(section, Mapping):
        raise ConfigError(f"fit: {name}: expected a section, got {section!r}")
    return dict(section)
