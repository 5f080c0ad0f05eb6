"""Studies of crossed recordings: a folder of recordings, every shift, and the tables of what is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikebridge.artifacts.recordings import IngestedRecordings
from spikebridge.artifacts.windows import data_hash, load_windows
from spikebridge.calibration import crossed_study
from spikebridge.calibration.crossed_claims import CrossedTables, tables_of_shift
from spikebridge.calibration.crossed_study import Say, run_shift
from spikebridge.config import Config
from spikebridge.errors import ConfigError
from spikebridge.evaluation import EvaluationSections
from spikebridge.io import IngestSections, ingest
from spikebridge.preprocess import PreprocessSections, write_windows
from spikebridge.runtime.hashing import digest, source_hash
from spikebridge.runtime.stage import output, remove

MODELS = (
    "seq2seq", "ridge", "reduced_rank", "poisson_glm", "random_forest", "dnn", "majority", "logistic",
)  # fmt: skip
"""The models of a study, as far as the parameter file has them: those of the declared tests, and linear yardsticks."""
NOT_USED: Any = {"compute": {"workers"}, "data": {"path"}, "tracking": True, "analysis": True, "simulate": True}
"""Settings that change no result of a study."""


def crossed_settings(config: Config, folder: Path, workers: int | None = None) -> Config:
    """Take from a parameter file what a study of crossed recordings uses.

    Tests use recordings as clusters where there are at least six, and test blocks otherwise, whatever the file says.

    Parameters
    ----------
    config : Config
        The parameter file.
    folder : pathlib.Path
        Folder of the recordings, in place of that of the file.
    workers : int, optional
        Number of processes; None: as in the file.

    Returns
    -------
    Config
        With the models of MODELS, all settings as in the file.

    Raises
    ------
    ConfigError
        Where the file has none of the models, or holds out whole recordings.
    """
    models = {name: config.models[name] for name in MODELS if name in config.models}
    if not models:
        raise ConfigError(f"models: expected some of {', '.join(MODELS)}, got {', '.join(config.models)}")
    if config.split.by != "block":
        raise ConfigError(f"split.by: expected block for crossed recordings, got {config.split.by}")
    changes: dict[str, Any] = {
        "models": models,
        "data": config.data.model_copy(update={"path": str(folder)}),
        "statistics": config.statistics.model_copy(update={"cluster": "auto"}),
    }
    if workers is not None:
        changes["compute"] = config.compute.model_copy(update={"workers": workers})
    return config.model_copy(update=changes)


def crossed_studies(settings: Config, work: Path, say: Say, shifts: Sequence[int] = ()) -> CrossedTables:
    """Make the crossed recordings of every shift, send each shift through the stages, and collect what is claimed.

    Results do not depend on the number of workers. What an earlier run of the same code, settings and recordings has
    finished is taken from `work`.

    Parameters
    ----------
    settings : Config
        See `crossed_settings`.
    work : pathlib.Path
        Folder of the stages' results.
    say : callable
        Receives lines of progress.
    shifts : sequence of int, optional
        Only these; none: all.

    Returns
    -------
    CrossedTables
        Of all shifts together.

    Raises
    ------
    ConfigError, DataError
        For recordings or settings that cannot be used, fewer than two recordings, or a shift that does not exist.
    """
    ingested, windows = work / "ingested", work / "windows"
    with output(ingested) as folder:
        ingest(IngestSections.of(settings), folder, ingested, say)
    with output(windows) as folder:
        write_windows(IngestedRecordings(ingested), PreprocessSections.of(settings), folder, windows, say)
    data = load_windows(windows)
    if len(data) < 2:
        raise ConfigError(f"{settings.data.path}: expected at least two recordings to cross, got {len(data)}")
    code = source_hash(crossed_study.__name__, names=settings.models)
    made_from = digest(settings.model_dump_json(exclude=NOT_USED), data_hash(windows), code)[:12]
    for old in work.glob("shifts-*"):
        if old.name != f"shifts-{made_from}":
            remove(old)
    tables = []
    for shift in shifts or range(1, len(data)):
        place = work / f"shifts-{made_from}" / f"shift_{shift}"
        run_shift(settings, windows, shift, place, say)
        tables.append(tables_of_shift(EvaluationSections.of(settings), place, shift))
    return CrossedTables.joined(tables)
