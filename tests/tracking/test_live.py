"""Live metrics: the same runs as the mirror's, every point once, and never in the way of training."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import fake_project
import pytest
from fake_project import settings

from spikebridge import tracking
from spikebridge.tracking import learning_curves, runs, store
from spikebridge.tracking.log_results import mirror


def run_of(project: Path, name: str) -> tuple[Any, Any]:
    opened = store.open_store(settings().tracking, project)
    matches = opened.client.search_runs([opened.experiment], f"attributes.run_name = '{name}'")
    assert len(matches) == 1, [r.info.run_name for r in matches]
    return opened, matches[0]


@pytest.mark.slow
def test_live_points_are_there_at_once_and_not_twice(project: Path) -> None:
    with tracking.live(settings(), "dnn", project) as on_epoch:
        for row in fake_project.history("dnn")[:8]:
            on_epoch(row)
            opened, run = run_of(project, "dnn")
            assert run.info.status == "RUNNING"
        assert opened.client.get_metric_history(run.info.run_id, "fold_0/train_loss")
    opened, run = run_of(project, "dnn")
    assert run.info.status == "FINISHED"
    mirror(settings(), project)
    opened, again = run_of(project, "dnn")
    assert again.info.run_id == run.info.run_id
    for key in ("fold_0/train_loss", "fold_1/train_loss", "train_loss"):
        assert [m.step for m in opened.client.get_metric_history(run.info.run_id, key)] == list(range(6))
    top = [r for r in opened.client.search_runs([opened.experiment]) if "mlflow.parentRunId" not in r.data.tags]
    assert len(top) == 1


def test_the_duration_is_that_of_the_training(project: Path) -> None:
    """From its start, not from the first epoch; logging the results later does not change it."""
    began = time.time()
    with tracking.live(settings(), "dnn", project) as on_epoch:
        time.sleep(0.3)
        on_epoch({"fold": "0", "epoch": 0, "train_loss": 1.0})
    ended = time.time()
    _, run = run_of(project, "dnn")
    assert began - 0.01 <= run.info.start_time / 1000 <= began + 0.25
    assert began + 0.3 <= run.info.end_time / 1000 <= ended + 0.01


def test_writes_are_throttled(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    monkeypatch.setattr(runs, "log", lambda store, run_id, metrics=(), *a, **k: written.append(len(list(metrics))))
    with tracking.live(settings(), "dnn", project) as on_epoch:
        for epoch in range(200):
            on_epoch({"fold": "0", "epoch": epoch, "train_loss": 1.0})
    points = [n for n in written if n]
    assert sum(points) == 200
    assert len(points) <= 4


def test_a_model_without_epochs_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curves, "open_store", lambda *a: pytest.fail("opened"))
    with tracking.live(settings(), "random_forest", tmp_path):
        pass


def test_an_unreachable_store_costs_one_warning(project: Path) -> None:
    config = settings(tracking={"uri": "sqlite:////proc/nowhere/mlflow.db"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tracking.live(config, "dnn", project) as on_epoch:
            for epoch in range(3):
                on_epoch({"fold": "0", "epoch": epoch, "train_loss": 1.0})
    messages = [str(w.message) for w in caught if "live metrics" in str(w.message)]
    assert len(messages) == 1
    assert "no live metrics of dnn in MLflow" in messages[0]


def test_a_store_that_fails_at_the_end_is_no_failure(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="no live metrics"), tracking.live(settings(), "dnn", project) as on_epoch:
        on_epoch({"fold": "0", "epoch": 0, "train_loss": 1.0})
        on_epoch({"fold": "0", "epoch": 1, "train_loss": 1.0})

        def broken(*_: Any, **__: Any) -> None:
            raise OSError("disk full")

        monkeypatch.setattr(runs, "log", broken)


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_failed_training_ends_its_run(project: Path, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), tracking.live(settings(), "dnn", project) as on_epoch:
        on_epoch({"fold": "0", "epoch": 0, "train_loss": 1.0})
        raise error
    _, run = run_of(project, "dnn")
    assert run.info.status == status


def test_a_killed_training_is_taken_up_without_double_points(project: Path) -> None:
    for _ in range(2):
        with tracking.live(settings(), "dnn", project) as on_epoch:
            for row in fake_project.history("dnn"):
                on_epoch(row)
    opened, run = run_of(project, "dnn")
    assert len(opened.client.get_metric_history(run.info.run_id, "valid_loss")) == 6


def test_a_baseline_that_only_translates_stands_below_the_comparison(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikebridge import models

    monkeypatch.setattr(models, "get_class", lambda name: type("Ridge", (), {"decides": False}))
    with tracking.live(settings(), "ridge", project) as on_epoch:
        on_epoch({"fold": "0", "epoch": 0, "train_loss": 1.0})
    _, run = run_of(project, "ridge")
    _, comparison = run_of(project, "comparison")
    assert run.data.tags["mlflow.parentRunId"] == comparison.info.run_id
    mirror(settings(), project)
    assert run_of(project, "ridge")[1].info.run_id == run.info.run_id
