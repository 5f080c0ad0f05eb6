"""The mirror: what a user sees in MLflow, logged once, and again into a wiped store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fake_project
import pandas as pd
import pytest
from fake_project import settings

from spikebridge.errors import DataError
from spikebridge.tracking import runs, store
from spikebridge.tracking.log_results import mirror
from spikebridge.tracking.store import Store


def opened(project: Path) -> Store:
    return store.open_store(settings().tracking, project)


def tops(at: Store) -> list[Any]:
    all_runs = at.client.search_runs([at.experiment], max_results=1000)
    return [r for r in all_runs if "mlflow.parentRunId" not in r.data.tags]


def below(at: Store, run: Any) -> dict[str, Any]:
    return {r.info.run_name: r for r in runs.children(at, run.info.run_id)}


@pytest.fixture(scope="module")
def seen(finished: Path) -> Store:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return opened(finished)


def test_one_parent_with_four_children_and_a_comparison(seen: Store) -> None:
    (parent,) = tops(seen)
    assert set(below(seen, parent)) == {*fake_project.DECIDING, "comparison"}
    assert set(below(seen, below(seen, parent)["comparison"])) == {"ridge"}
    listed = [r.info.run_name for r in runs.children(seen, parent.info.run_id)]
    assert listed == [*fake_project.DECIDING, "comparison"], "in the order of params.yaml, newest first"


def test_the_page_that_opens_shows_the_parent_and_not_tuning_trials(seen: Store) -> None:
    """MLflow loads the newest hundred runs; trials must not push the parent off that page."""
    newest = seen.client.search_runs([seen.experiment], order_by=["attributes.start_time DESC"])
    kinds = [r.data.tags["spikebridge.kind"] for r in newest]
    assert "trial" in kinds
    assert "trial" not in kinds[: kinds.index("execution") + 1]


def test_every_run_has_ended(seen: Store) -> None:
    all_runs = seen.client.search_runs([seen.experiment], max_results=1000)
    assert {r.info.status for r in all_runs} == {"FINISHED"}


def test_the_parent_is_tagged_and_described(seen: Store) -> None:
    (parent,) = tops(seen)
    tags = parent.data.tags
    assert {"data_hash", "split_hash", "git_revision", "params_hash"} <= set(tags)
    assert tags["git_revision"] == "none"
    first, second = tags["mlflow.note.content"].splitlines()[:2]
    assert first.startswith(
        "**HC → PFC.** seq2seq decides with a balanced accuracy of 0.500 [0.400, 0.600]; against majo"
    )
    assert second.startswith("It translates with 0.050 [")
    assert "| **seq2seq** | 0.500 [0.400, 0.600] |" in tags["mlflow.note.content"]
    assert parent.data.params["data.source"] == "['HC']"
    assert parent.data.metrics["no_information_rate"] == 0.5


def test_every_run_has_the_same_data_set(seen: Store) -> None:
    logged = [r for r in seen.client.search_runs([seen.experiment]) if r.data.tags["spikebridge.kind"] != "trial"]
    used = {(i.dataset.name, i.dataset.digest) for r in logged for i in r.inputs.dataset_inputs}
    (parent,) = tops(seen)
    assert used == {("trials of data/simulated", parent.data.tags["data_hash"][:36])}
    assert all(len(r.inputs.dataset_inputs) == 1 for r in logged)


def test_a_dozen_metrics_are_columns_of_the_table(seen: Store) -> None:
    """Names with a slash are grouped below the first level."""
    for run in seen.client.search_runs([seen.experiment], max_results=1000):
        first = [name for name in run.data.metrics if "/" not in name]
        assert len(first) <= 12, run.info.run_name
    experiment = seen.client.get_experiment(seen.experiment)
    view = json.loads(experiment.tags["mlflow.sharedViewState.models"])
    (parent,) = tops(seen)
    shown = {f"metrics.`{name}`" for name in below(seen, parent)["seq2seq"].data.metrics}
    assert set(view["selectedColumns"]) <= shown
    assert len(view["selectedColumns"]) == 9


def test_an_earlier_view_of_the_table_is_renewed(empty: Path) -> None:
    at = opened(empty)
    at.client.set_experiment_tag(at.experiment, "mlflow.sharedViewState.models", "{}")
    again = opened(empty)
    assert again.experiment == at.experiment
    assert "balanced_accuracy" in again.client.get_experiment(again.experiment).tags["mlflow.sharedViewState.models"]


def test_runs_that_trained_nothing_here_show_no_duration(seen: Store) -> None:
    """Neither how long logging took nor, for the registered model, the time between training and registering."""
    logged = seen.client.search_runs([seen.experiment], max_results=1000)
    assert {r.info.end_time for r in logged} == {None}


def shown_table(at: Store, run: Any, name: str) -> pd.DataFrame:
    """A table that MLflow's viewer shows, read from its JSON; its CSV has the same rows."""
    assert {"path": f"{name}.json", "type": "table"} in json.loads(run.data.tags["mlflow.loggedArtifacts"])
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    content = json.loads(Path(at.client.download_artifacts(run.info.run_id, f"{name}.json")).read_text())
    assert list(content) == ["columns", "data"], folder
    table = pd.DataFrame(content["data"], columns=content["columns"])
    assert len(pd.read_csv(at.client.download_artifacts(run.info.run_id, f"{name}.csv"))) == len(table)
    return table


def test_the_parent_holds_the_report_the_figures_and_the_tests(project: Path) -> None:
    report = project / "reports" / "report"
    report.mkdir()
    (report / "index.html").write_text("<p>first</p>", encoding="utf-8")
    mirror(settings(), project)
    at = opened(project)
    (parent,) = tops(at)
    files = {f.path for f in at.client.list_artifacts(parent.info.run_id)}
    assert {"report", "figures", "comparisons.json", "comparisons.csv"} <= files
    table = shown_table(at, parent, "comparisons")
    written = pd.read_csv(project / "reports/evaluation/comparisons.csv")
    assert table["verdict"].tolist() == written["verdict"].tolist()
    assert {f.path for f in at.client.list_artifacts(parent.info.run_id, "report")} == {"report/index.html"}

    (report / "index.html").write_text("<p>second</p>", encoding="utf-8")
    for _ in range(2):
        mirror(settings(), project)
    page = Path(at.client.download_artifacts(parent.info.run_id, "report/index.html"))
    assert page.read_text(encoding="utf-8") == "<p>second</p>"
    assert len(shown_table(at, tops(at)[0], "comparisons")) == len(written)


def test_models_share_the_names_of_their_metrics(seen: Store) -> None:
    (parent,) = tops(seen)
    models = {name: run for name, run in below(seen, parent).items() if name != "comparison"}
    names = [set(r.data.metrics) for r in models.values()]
    shared = set.intersection(*names)
    assert {"balanced_accuracy", "balanced_accuracy_ci_low", "auc", "log_loss"} <= shared
    assert "inner_balanced_accuracy" in shared
    assert models["seq2seq"].data.metrics["bits_per_spike_ci_high"] == pytest.approx(0.15)
    assert models["random_forest"].data.metrics["inner_balanced_accuracy"] == 1.0


def test_learning_curves_have_steps(seen: Store) -> None:
    (parent,) = tops(seen)
    run = below(seen, parent)["dnn"].info.run_id
    for key in ("valid_loss", "fold_0/valid_loss", "fold_1/train_loss"):
        history = seen.client.get_metric_history(run, key)
        assert [m.step for m in history] == list(range(6)), key


def test_a_models_run_holds_its_files_and_data(seen: Store) -> None:
    (parent,) = tops(seen)
    run = below(seen, parent)["seq2seq"]
    files = {f.path for f in seen.client.list_artifacts(run.info.run_id)}
    assert {"fit.json", "history.csv", "best.json", "predictions.parquet", "figures"} <= files
    (figure,) = seen.client.list_artifacts(run.info.run_id, "figures")
    assert figure.path == "figures/confusion_seq2seq.png"
    scores = shown_table(seen, run, "scores").set_index("metric")
    assert scores.loc["brier"].tolist() == [0.5, 0.4, 0.6]
    predictions = shown_table(seen, run, "predictions")
    logged = Path(seen.client.download_artifacts(run.info.run_id, "predictions.parquet"))
    assert predictions["predicted"].tolist() == pd.read_parquet(logged)["predicted"].tolist()
    assert len(pd.read_csv(seen.client.download_artifacts(run.info.run_id, "trials.csv"))) == 4
    (given,) = run.inputs.dataset_inputs
    assert json.loads(given.dataset.profile)["num_rows"] == 36
    assert run.data.params["width"] == "16"


def test_tuning_trials_are_nested(seen: Store) -> None:
    (parent,) = tops(seen)
    models = below(seen, parent)
    trials = below(seen, models["seq2seq"])
    assert len(trials) == 4
    trial = trials["fold 0, trial 1"]
    assert trial.data.params == {"fold": "0", "width": "2"}
    assert trial.data.tags["state"] == "PRUNED"
    assert set(trial.data.metrics) == {"value"}
    assert set(below(seen, models["majority"])) == {"fold 0, trial 0", "full, trial 0"}, "one trial: it has no settings"


def test_the_comparison_holds_tables_tests_and_figures(seen: Store) -> None:
    (parent,) = tops(seen)
    run = below(seen, parent)["comparison"]
    files = {f.path for f in seen.client.list_artifacts(run.info.run_id)}
    assert {"metrics.json", "comparisons.csv", "comparisons.json", "nulls.csv", "figures", "tables"} <= files
    assert run.data.metrics["recovery/r2"] == 0.8
    assert run.data.metrics["above_majority/dnn_minus_majority_p_holm"] == 0.01
    assert "seq2seq − majority" in run.data.tags["mlflow.note.content"]


def counts(at: Store) -> tuple[int, int]:
    all_runs = at.client.search_runs([at.experiment], max_results=1000)
    points = sum(len(at.client.get_metric_history(r.info.run_id, "valid_loss")) for r in all_runs)
    return len(all_runs), points


def test_mirroring_twice_changes_nothing_and_a_wiped_store_is_filled(project: Path, template: Path) -> None:
    first = mirror(settings(), project)
    before = counts(opened(project))
    assert mirror(settings(), project) == first
    assert counts(opened(project)) == before
    # MLflow keeps a connection to the file that is gone; a pipeline's next stage is another process, here another path
    wiped = project.with_name("wiped")
    shutil.copytree(project, wiped, ignore=shutil.ignore_patterns("mlruns"))
    (wiped / "mlruns").mkdir()
    shutil.copy(template, wiped / "mlruns" / "mlflow.db")
    assert mirror(settings(), wiped) != first
    assert counts(opened(wiped)) == before


@pytest.mark.slow
def test_a_run_whose_files_changed_is_replaced(project: Path) -> None:
    mirror(settings(), project)
    history = project / "runs/train/dnn/history.csv"
    history.write_text("fold,epoch,train_loss\nfull,0,0.25\n", encoding="utf-8")
    mirror(settings(), project)
    at = opened(project)
    (parent,) = tops(at)
    models = below(at, parent)
    assert set(models) == {*fake_project.DECIDING, "comparison"}
    assert models["dnn"].data.metrics["train_loss"] == 0.25
    assert len(below(at, models["dnn"])) == 4


@pytest.mark.slow
def test_other_parameters_are_another_execution(project: Path) -> None:
    mirror(settings(), project)
    mirror(settings(compute={"workers": 1}), project)
    assert len(tops(opened(project))) == 1, "how many processes computed it does not matter"
    mirror(settings(seed=2), project)
    assert len(tops(opened(project))) == 2


@pytest.mark.slow
def test_a_mirror_that_died_is_taken_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikebridge.tracking import runs

    def die(*_: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "log_trials", die)
        with pytest.raises(KeyboardInterrupt):
            mirror(settings(), project)
    (parent,) = tops(opened(project))
    assert parent.info.status == "KILLED"
    mirror(settings(), project)
    at = opened(project)
    (parent,) = tops(at)
    assert parent.info.status == "FINISHED"
    assert len(at.client.get_metric_history(below(at, parent)["dnn"].info.run_id, "valid_loss")) == 6
    assert len(below(at, below(at, parent)["dnn"])) == 4


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("data/splits.json", r"splits\.json: expected the split manifest"),
        ("reports/evaluation/metrics.json", r"metrics\.json: cannot be read as JSON"),
        ("reports/evaluation/comparisons.csv", r"comparisons\.csv: cannot be read as a table"),
    ],
)
def test_missing_files_are_named(project: Path, broken: str, expected: str) -> None:
    (project / broken).unlink()
    with pytest.raises(DataError, match=expected):
        mirror(settings(), project)


def test_no_windows_no_identity(empty: Path) -> None:
    with pytest.raises(DataError, match="expected windows of recordings, found none"):
        mirror(settings(), empty)


def test_the_git_revision_says_dirty(tmp_path: Path) -> None:
    import subprocess

    from spikebridge.tracking.identity import git_revision

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, check=True)

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "first")
    clean = git_revision(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("2")
    assert git_revision(tmp_path) == clean + "-dirty"


def test_history_with_gaps_reads_as_folds() -> None:
    from spikebridge.tracking.learning_curves import points

    row = pd.Series({"fold": 0.0, "epoch": 3, "train_loss": 0.5, "valid_loss": float("nan")}).to_dict()
    assert points(row) == [("fold_0/train_loss", 3, 0.5)]
    assert points({"fold": "full", "epoch": 1, "train_loss": 1, "note": "text"}) == [("train_loss", 1, 1.0)]
