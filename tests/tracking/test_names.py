"""Recordings with names that are no identifiers: every stage of tracking takes them and gives them back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fake_project
import numpy as np
import pytest
from fake_project import settings

import spikebridge
from spikebridge import config, tracking
from spikebridge.errors import ConfigError
from spikebridge.text.keys import safe_key
from spikebridge.tracking import runs, store
from spikebridge.tracking.results import flatten

NAMES = (
    "rat1 (1)", "R2+opto", "R2 opto", "R2_opto", "Ратка 3", "50% of [it]", "été", "a,b;c=d", "#1?", "n" * 150, "'x'",
    'q"', "$HOME", "a&b", "a\\b", "day: 1", "~x", "-rf", "x.", "a.x28.b",
)  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Any:
    folder = tmp_path_factory.mktemp("names") / "project"
    (folder / "mlruns").mkdir(parents=True)
    shutil.copy(template, folder / "mlruns" / "mlflow.db")
    (folder / "params.yaml").write_text("{}", encoding="utf-8")
    units = {name: (5 + i, 4) for i, name in enumerate(NAMES)}
    fake_project.make(folder, units=units, trials=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        about = tracking.publish(settings(), folder)
        return folder, about, store.open_store(settings().tracking, folder)


@pytest.mark.slow
def test_a_metric_of_each_recording_is_logged_under_its_own_key(published: Any) -> None:
    _, _, opened = published
    top = [r for r in opened.client.search_runs([opened.experiment]) if "mlflow.parentRunId" not in r.data.tags]
    (parent,) = top
    (translator,) = [r for r in runs.children(opened, parent.info.run_id) if r.info.run_name == "seq2seq"]
    prefix = "bits_per_spike_in/"
    logged = {k.removeprefix(prefix) for k in translator.data.metrics if k.startswith(prefix)}
    assert logged == {safe_key(name) for name in NAMES}
    comparison = next(r for r in runs.children(opened, parent.info.run_id) if r.info.run_name == "comparison")
    images = {f.path for f in opened.client.list_artifacts(comparison.info.run_id, "figures")}
    assert {f"figures/quality_{safe_key(name)}.png" for name in NAMES} <= images


@pytest.mark.slow
def test_the_model_knows_the_recordings_by_their_names(published: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, about, _ = published
    monkeypatch.chdir(folder)
    model = spikebridge.load(about["uri"])
    assert tuple(model.recordings) == NAMES
    for i, name in enumerate(NAMES):
        assert model.predict(np.ones((2, fake_project.N_BINS, 5 + i)), recording=name).shape == (2,)


def test_two_ways_down_that_join_alike_stay_apart() -> None:
    flat = flatten({"a": {"b_c": 1.0}, "a_b": {"c": 2.0}, "r": {"R2+o": {"value": 3.0, "ci_low": 1}, "R2_o": 4.0}})
    assert flat == {"a_b_c": 1.0, "a_b/c": 2.0, "r_R2.x2b.o": 3.0, "r_R2.x2b.o_ci_low": 1.0, "r_R2_o": 4.0}


def test_settings_with_names_in_them_are_parameters() -> None:
    nested = {"data": {"exclude_units": {"rat1 (1)": [1, 2]}, "path": "x"}, "seed": 1, "none": {}}
    assert runs.settings(nested) == {
        "data.exclude_units.rat1 .x28.1.x29.": [1, 2], "data.path": "x", "seed": 1, "none": {}
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", "a'b", "", " ", "a\nb", "x" * 201])
def test_a_registered_model_that_mlflow_or_its_queries_could_not_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"tracking\.registered_model.*without / : @ and quotes"):
        config.parse({**settings().model_dump(mode="json"), "tracking": {"registered_model": name}})
