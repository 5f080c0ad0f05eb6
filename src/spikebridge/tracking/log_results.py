"""Log the results under runs/ and reports/ to MLflow, each once. The files remain the primary record."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
from mlflow.entities import DatasetInput, InputTag, RunTag
from mlflow.entities import Run as MlflowRun

from spikebridge.artifacts.training import TrainingRun
from spikebridge.artifacts.windows import WINDOWS_FOLDER
from spikebridge.config import Config
from spikebridge.runtime.hashing import digest, files_digest
from spikebridge.tracking import descriptions, runs
from spikebridge.tracking.identity import Identity, identify
from spikebridge.tracking.learning_curves import HistoryWriter
from spikebridge.tracking.results import Results, flatten
from spikebridge.tracking.store import Store, open_store, terminable

NOTE = "mlflow.note.content"


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
    content = results.metrics()
    overall = flatten({k: v for k, v in content.items() if k not in {"models", "translation", "ladder"}})
    tags = {**identity.tags(), NOTE: descriptions.execution(results), "data_path": results.config.data.path}
    runs.log(store, run_id, runs.metrics(overall), params, tags)
    for name in results.deciding()[:1]:
        table = results.trained(name).read_predictions()
        shown = ["recording", "trial", "fold", "block", "time_s", "label"]
        _dataset(store, run_id, table[[c for c in shown if c in table]], results, None)


def _comparison(store: Store, identity: Identity, parent: str, results: Results) -> str:
    key = runs.child_key(identity, parent, "comparison", "comparison")
    folders = results.evaluation.folder, results.figures.folder
    files = sorted(p for folder in folders for p in folder.rglob("*") if p.is_file())
    content = files_digest(files, results.project)
    run_id, done = _settle(store, key, content)
    if done:
        return run_id
    with runs.writing(store, run_id):
        comparisons = results.evaluation.read_comparisons()
        store.client.log_artifacts(run_id, str(results.evaluation.folder))
        if results.figures.folder.is_dir():
            store.client.log_artifacts(run_id, str(results.figures.folder), "figures")
        store.client.log_table(run_id, comparisons, "comparisons.json")
        runs.log(
            store,
            run_id,
            runs.metrics({**descriptions.comparison_metrics(comparisons), **_recovery(results)}),
            {"alpha": results.config.statistics.alpha, "resamples": results.config.statistics.n_resamples},
            {NOTE: descriptions.comparison(results, comparisons)},
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
        params = {**fitted, **{k: fit[k] for k in ("threads", "device") if k in fit}, "model": name}
        runs.log(store, run_id, runs.metrics(scores), params, {NOTE: descriptions.model(results, name, scores)})
        _history(store, run_id, trained)
        for path in (trained.fit, trained.history, tuned.best):
            if path.is_file():
                store.client.log_artifact(run_id, str(path))
        for figure in results.figures.of_model(name):
            store.client.log_artifact(run_id, str(figure), "figures")
        if results.decides(name):
            table = results.trained(name).read_predictions()
            store.client.log_artifact(run_id, str(trained.predictions))
            _dataset(store, run_id, table, results, "predicted")
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


def _dataset(store: Store, run_id: str, table: pd.DataFrame, results: Results, predictions: str | None) -> None:
    from mlflow.data.pandas_dataset import from_pandas

    # MLflow warns about integer columns, which could not hold missing values; these columns are complete.
    table = table.astype(dict.fromkeys(table.select_dtypes("integer"), "float64"))
    name = f"trials of {results.config.data.path}"
    with warnings.catch_warnings():  # MLflow warns that two of its source types match a local path
        warnings.simplefilter("ignore")
        source = WINDOWS_FOLDER.as_posix()
        dataset = from_pandas(table, source=source, targets="label", name=name, predictions=predictions)
    context = InputTag("mlflow.data.context", "evaluation")
    store.client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity(), [context])])


def _small(path: Path) -> bool:
    """Whether a file is part of the digest of a result. The tuning database and large arrays are not."""
    return path.is_file() and path.suffix in {".json", ".csv", ".parquet"}
