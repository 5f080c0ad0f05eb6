"""Log the results under runs/ and reports/ to MLflow, each once. The files remain the primary record."""

from __future__ import annotations

import json
import tempfile
import warnings
from pathlib import Path

import pandas as pd
from mlflow.entities import DatasetInput, InputTag, RunTag
from mlflow.entities import Run as MlflowRun

from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.config import Config
from spikebridge.runtime.hashing import digest, files_digest
from spikebridge.text.plain_text import write_csv
from spikebridge.tracking import descriptions, runs
from spikebridge.tracking.identity import Identity, identify
from spikebridge.tracking.learning_curves import HistoryWriter
from spikebridge.tracking.results import FIRST_LEVEL, REPORT, Results, flatten
from spikebridge.tracking.store import Store, open_store, terminable

NOTE, TABLES = "mlflow.note.content", "mlflow.loggedArtifacts"
"""Tags of MLflow: the description of a run, and the JSON files that its viewer shows as tables."""
READ_FIRST = ["family", "model_a", "model_b", "estimate", "ci_low", "ci_high", "p_holm", "verdict", "role", "metric"]
"""Columns of the comparison that a screen shows; the others stand to the right of them."""
TRIAL_COLUMNS = ("recording", "trial", "fold", "block", "time_s", "label")
DIGEST_LENGTH = 36
"""Longest digest of a data set in MLflow's database."""


def mirror(config: Config, project: Path | str = ".", identity: Identity | None = None) -> str:
    """Log the execution whose files lie in `project`; returns the id of its parent run.

    Runs are identified by their fingerprint. A second call changes nothing, an emptied store is filled again, and a run
    whose files have changed is replaced (the old run moves to MLflow's trash). Raises DataError if a file is missing,
    and RegistryError if the store cannot be reached.
    """
    project = Path(project).resolve()
    results = Results(config, project)
    identity = identity or identify(config, project)
    results.metrics(), results.evaluation.read_comparisons()  # fail on a missing file before anything is logged
    store = open_store(config.tracking, project)
    with terminable():
        parent = runs.get_or_create(store, runs.execution_key(identity)).info.run_id
        with runs.writing(store, parent):
            # MLflow lists the newest run first: in reverse order, the models appear in the order of params.yaml
            comparison = _comparison(store, identity, parent, results)
            for name in reversed(results.models()):
                _model(store, identity, parent, None if results.decides(name) else comparison, name, results)
            _parent(store, parent, identity, results)
    return parent


def model_run(store: Store, identity: Identity, model: str) -> MlflowRun | None:
    """The logged run of a model; None if there is none."""
    return runs.find(store, runs.child_key(identity, "", model, "model").fingerprint)


def _parent(store: Store, run_id: str, identity: Identity, results: Results) -> None:
    params = runs.settings(results.config.model_dump(mode="json", exclude={"tracking", "compute", "models", "sweep"}))
    tags = {**identity.tags(), NOTE: descriptions.execution(results), "data_path": results.config.data.path}
    runs.log(store, run_id, params=params, tags=tags, scores=_overall(results))
    _dataset(store, run_id, identity, results)
    files = [*results.report_files(), *_files(results.figures.folder), results.evaluation.comparisons]
    content = files_digest(files, results.project)
    if store.client.get_run(run_id).data.tags.get(runs.CONTENT) == content:
        return
    for path in results.report_files():
        store.client.log_artifact(run_id, str(path), REPORT)
    _evidence(store, run_id, results)
    runs.log(store, run_id, tags={runs.CONTENT: content})


def _overall(results: Results) -> dict[str, float]:
    """Numbers of the whole execution: a few, and those of summary.json below summary/. metrics.json has all of them."""
    content = flatten({k: v for k, v in results.metrics().items() if k not in {"models", "translation", "ladder"}})
    few: dict[str, float] = {
        name: content[name] for name in ("n_recordings", "n_clusters", "no_information_rate") if name in content
    }
    if not results.evaluation.summary.is_file():
        return few
    return few | {f"summary/{name}": value for name, value in results.evaluation.read_summary().items()}


def _evidence(store: Store, run_id: str, results: Results) -> None:
    """The figures, and the tests of the comparison as a table that MLflow shows."""
    if results.figures.folder.is_dir():
        store.client.log_artifacts(run_id, str(results.figures.folder), "figures")
    table = results.evaluation.read_comparisons()
    table = table[[*READ_FIRST, *table.columns.difference(READ_FIRST, sort=False)]]
    log_table(store, run_id, table, results.evaluation.comparisons.stem)


def log_table(store: Store, run_id: str, table: pd.DataFrame, name: str) -> None:
    """Log a table as JSON that MLflow's viewer shows as a table, and as CSV. A table of this name is replaced.

    `MlflowClient.log_table` adds the rows to those that are there.
    """
    client = store.client
    with tempfile.TemporaryDirectory() as folder:
        write_csv(table, Path(folder) / f"{name}.csv")
        table.to_json(Path(folder) / f"{name}.json", orient="split", index=False)
        client.log_artifacts(run_id, folder)
    listed = json.loads(client.get_run(run_id).data.tags.get(TABLES, "[]"))
    entry = {"path": f"{name}.json", "type": "table"}
    if entry not in listed:
        client.log_batch(run_id, tags=[RunTag(TABLES, json.dumps([*listed, entry]))])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _comparison(store: Store, identity: Identity, parent: str, results: Results) -> str:
    key = runs.child_key(identity, parent, "comparison", "comparison")
    folders = results.evaluation.folder, results.figures.folder
    files = sorted(path for folder in folders for path in _files(folder))
    content = files_digest(files, results.project)
    run_id, done = _settle(store, key, content)
    if done:
        return run_id
    with runs.writing(store, run_id):
        comparisons = results.evaluation.read_comparisons()
        store.client.log_artifacts(run_id, str(results.evaluation.folder))
        _evidence(store, run_id, results)
        _dataset(store, run_id, identity, results)
        runs.log(
            store,
            run_id,
            params={"alpha": results.config.statistics.alpha, "resamples": results.config.statistics.n_resamples},
            tags={NOTE: descriptions.comparison(results, comparisons)},
            scores={**descriptions.comparison_metrics(comparisons), **_recovery(results)},
        )
        runs.log(store, run_id, tags={runs.CONTENT: content})
    return run_id


def _recovery(results: Results) -> dict[str, float]:
    """Recovery of the simulated truth over all recordings. recovery.json also has the values of each recording."""
    scores = flatten(results.evaluation.read_recovery())
    return {f"recovery/{k}": v for k, v in scores.items() if "recordings" not in k}


def _model(store: Store, identity: Identity, parent: str, above: str | None, name: str, results: Results) -> None:
    trained, tuned = results.trained(name), results.tuned(name)
    scores = results.scores(name)
    files = sorted(p for run in (trained, tuned) for p in run.folder.rglob("*") if _small(p))
    content = digest(files_digest(files, results.project), *(f"{k}={v!r}" for k, v in sorted(scores.items())))
    run_id, done = _settle(store, runs.child_key(identity, parent, name, "model", above), content)
    if done:
        return
    with runs.writing(store, run_id):
        fit = trained.read_fit()
        fitted = fit.get("params", {}).get("full", {})
        params = {**results.kind(name), **fitted, **{k: fit[k] for k in ("threads", "device") if k in fit}}
        shown = {key: scores[key] for key in FIRST_LEVEL if key in scores} | results.by_recording(name)
        note = {NOTE: descriptions.model(results, name, scores)}
        runs.log(store, run_id, params=params, tags=note, scores=shown)
        _history(store, run_id, trained)
        log_table(store, run_id, results.score_table(name), "scores")
        for path in (trained.fit, trained.history, tuned.best, tuned.trials):
            if path.is_file():
                store.client.log_artifact(run_id, str(path))
        for figure in results.figures.of_model(name):
            store.client.log_artifact(run_id, str(figure), "figures")
        if results.decides(name):
            store.client.log_artifact(run_id, str(trained.predictions))
            log_table(store, run_id, trained.read_predictions(), trained.predictions.stem)
        _dataset(store, run_id, identity, results)
        runs.log_trials(store, identity, run_id, name, tuned)
        runs.log(store, run_id, tags={runs.CONTENT: content})


def _settle(store: Store, key: runs.Key, content: str) -> tuple[str, bool]:
    """The run to write to, and whether it already has this content. A run with other content is replaced."""
    run = runs.get_or_create(store, key)
    logged = run.data.tags.get(runs.CONTENT)
    if logged is not None and logged != content:
        runs.delete_tree(store, run.info.run_id)
        run = runs.get_or_create(store, key)
        logged = None
    misplaced = run.data.tags.get("mlflow.parentRunId") != key.parent
    if misplaced and key.parent:
        store.client.log_batch(run.info.run_id, tags=[RunTag("mlflow.parentRunId", key.parent)])
    return run.info.run_id, logged is not None and run.info.status == "FINISHED"


def _history(store: Store, run_id: str, trained: TrainingRun) -> None:
    table = trained.read_history()
    if table is None:
        return
    writer = HistoryWriter(store, run_id)
    for row in table.to_dict("records"):
        writer.add({str(k): v for k, v in row.items()})
    writer.flush()


def _dataset(store: Store, run_id: str, identity: Identity, results: Results) -> None:
    """The trials that every model was scored on: the same in every run, with the digest of the windows."""
    from mlflow.data.pandas_dataset import from_pandas

    for model in results.deciding()[:1]:
        table = results.trained(model).read_predictions()
        table = table[[column for column in TRIAL_COLUMNS if column in table]]
        # MLflow warns about integer columns, which could not hold missing values; these columns are complete.
        table = table.astype(dict.fromkeys(table.select_dtypes("integer"), "float64"))
        name, digest = f"trials of {results.config.data.path}", identity.data_hash[:DIGEST_LENGTH]
        with warnings.catch_warnings():  # MLflow warns that two of its source types match a local path
            warnings.simplefilter("ignore")
            source = WINDOWS_FOLDER.as_posix()
            dataset = from_pandas(table, source=source, targets="label", name=name, digest=digest)
        context = InputTag("mlflow.data.context", "evaluation")
        store.client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])


def _small(path: Path) -> bool:
    """Whether a file is part of the digest of a result. The tuning database and large arrays are not."""
    return path.is_file() and path.suffix in {".json", ".csv", ".parquet"}
