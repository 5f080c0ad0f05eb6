"""A person's word against the gates: what moves, what is recorded, and what is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import fake_project
import pandas as pd
import pytest
from command_line import Run, called
from fake_project import settings

from spikebridge import tracking
from spikebridge.errors import RegistryError
from spikebridge.tracking import promotion, store


def client(project: Path) -> Any:
    return store.open_store(settings().tracking, project).client


def fail(project: Path, table: str, **columns: Any) -> None:
    path = project / f"reports/evaluation/{table}.csv"
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """A project with a champion, version 1, and a candidate, version 2, that failed the nulls."""
    folder = fake_project.make(tmp_path_factory.mktemp("two") / "my project")
    (folder / "mlruns").mkdir()
    shutil.copy(template, folder / "mlruns/mlflow.db")
    tracking.publish(settings(), folder)
    fail(folder, "nulls", passed=False)
    registration = tracking.publish(settings(seed=2), folder)
    (folder / "reports/registration.json").write_text(json.dumps(registration))
    (folder / "params.yaml").write_text(settings(seed=2).model_dump_json(), encoding="utf-8")
    return folder


@pytest.fixture
def project(two: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two versions, and the project's folder as the working one. Only the last test changes anything in it."""
    monkeypatch.chdir(two)
    return two


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return called(capsys)


def test_versions_are_listed_with_their_gates(project: Path, run: Run) -> None:
    code, out, err = run("promote", "--list")
    assert (code, err) == (0, "")
    head, first, second = out.splitlines()[:3]
    assert head.startswith("version")
    assert re.match(r"1 +champion +random_forest +0\.5100 \[0\.4100, 0\.6100\] +none +not claimed +–$", first)
    assert re.match(r"2 +candidate +random_forest .* nulls +not claimed +–$", second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--version", "2", "--by", "", "--reason", "so"], "--by: expected who decides this, got nothing"),
        (["--version", "2", "--by", "Ada", "--reason", "  "], "--reason: expected why, got nothing"),
        (["--version", "2", "--by", "Ada"], "--reason: expected why"),
        (["--version", "2", "--by", "Ada", "--reason", "x" * 5000], "--reason: expected at most 4000 characters"),
        (["--by", "Ada", "--reason", "so"], "--version: expected the number of a version"),
        (
            ["--version", "9", "--by", "Ada", "--reason", "so"],
            "spikebridge has no version 9; there are: 1 (random_forest, champion), 2 (random_forest, candidate)",
        ),
        (["--version", "1", "--by", "Ada", "--reason", "so"], "version 1 of spikebridge is the champion already"),
        (["other", "--version", "1", "--by", "Ada", "--reason", "so"], "no model 'other' is registered in sqlite:///"),
        (["other", "--list"], "there are: models:/spikebridge@candidate, models:/spikebridge@champion"),
    ],
)
def test_a_refusal_is_one_line_and_changes_nothing(project: Path, run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run("promote", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("spikebridge promote: ")
    assert err.count("\n") == 1
    assert {k: int(v) for k, v in client(project).get_registered_model("spikebridge").aliases.items()} == {
        "champion": 1,
        "candidate": 2,
    }


def test_outside_a_project_there_is_nothing_to_promote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("promote", "--list")
    assert code == 2
    assert "no MLflow store is here, expected" in err
    assert not list(tmp_path.iterdir()), "none is made"


def a_person_overrides_and_is_recorded(project: Path, run: Run) -> None:
    code, out, err = run("promote", "--version", "2", "--by", "Ada L.", "--reason", "the null is\n too strict here")
    assert (code, err) == (0, "")
    assert "Version 2 of spikebridge is champion now, by Ada L. on " in out
    assert re.search(r"2 +champion .* nulls .* Ada L\.", out)
    at = client(project)
    assert {k: int(v) for k, v in at.get_registered_model("spikebridge").aliases.items()} == {"champion": 2}
    version = at.get_model_version("spikebridge", "2")
    tags = version.tags
    assert tags["promoted_by"] == "Ada L."
    assert tags["promoted_reason"] == "the null is too strict here"
    assert tags["promoted_over"] == "nulls"
    assert tags["promoted_instead_of"] == "version 1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", tags["promoted_at"])
    assert tags["gates_failed"] == "nulls", "what failed stays written down"
    title, line = version.description.split("\n\n")[:2]
    assert title.startswith("# random_forest")
    assert line.startswith("> **Promoted by hand** by Ada L. on ")
    assert "over failed gates: nulls, instead of version 1. Reason: the null is too strict here" in line
    assert "Gates failed: nulls" in version.description
    (history,) = at.get_registered_model("spikebridge").tags.values()
    assert history.startswith("version 2 by Ada L.")


def results_say_that_a_person_did_it(project: Path, run: Run) -> None:
    _, out, _ = run("results", "--all")
    assert "Champion of spikebridge:  version 2 (random_forest), PROMOTED BY HAND by Ada L. on " in out
    assert "over failed gates: nulls" in out


def registering_the_same_again_keeps_a_persons_word(project: Path) -> None:
    registration = tracking.publish(settings(seed=2), project)
    assert (registration["version"], registration["alias"]) == (2, "champion")
    assert not registration["gates"]["nulls"]["passed"]
    at = client(project)
    assert set(at.get_registered_model("spikebridge").aliases) == {"champion"}
    version = at.get_model_version("spikebridge", "2")
    assert version.description.count("> **Promoted by hand** by Ada L.") == 1
    assert version.tags["promoted_by"] == "Ada L."


def the_gates_may_move_the_champion_on_and_say_whose_place_it_takes(project: Path) -> None:
    """What passes every gate, not worse than the promoted one on the same trials, takes its place."""
    fail(project, "nulls", passed=True)
    registration = tracking.publish(settings(seed=3), project)
    assert (registration["version"], registration["alias"]) == (3, "champion")
    assert registration["gates"]["present_champion"]["reason"].startswith(
        "random_forest - version 2 (random_forest) = +0.000"
    )
    version = client(project).get_model_version("spikebridge", "3")
    assert version.tags["champion_before"] == "version 2 (random_forest), promoted by Ada L."
    assert "promoted_by" not in version.tags


def back_to_an_older_version_that_failed_nothing(project: Path, run: Run) -> None:
    code, out, _ = run("promote", "spikebridge", "--version", "1", "--by", "Bo", "--reason", "as published")
    assert code == 0
    assert "over no failed gate, instead of version 3. Reason: as published" in out


def the_gates_forget_a_persons_word_when_they_promote_by_themselves(project: Path) -> None:
    """Version 2 lost the alias to version 3 and is registered again, its gates now passed."""
    registration = tracking.publish(settings(seed=2), project)
    assert (registration["version"], registration["alias"]) == (2, "champion")
    version = client(project).get_model_version("spikebridge", "2")
    assert not [key for key in version.tags if key.startswith("promoted_")]
    assert "Promoted by hand" not in version.description


def a_version_without_files_is_not_promoted(project: Path) -> None:
    at = store.open_store(settings().tracking, project)
    logged = at.client.get_model_version("spikebridge", "3").source.removeprefix("models:/")
    (folder,) = (project / "mlruns/artifacts").rglob(logged)
    shutil.rmtree(folder)
    with pytest.raises(RegistryError, match="version 3 of spikebridge: its files are not where"):
        promotion.promote(at, "spikebridge", 3, "Ada", "so")
    assert "promoted_by" not in at.client.get_model_version("spikebridge", "3").tags


@pytest.mark.slow
def test_the_story_of_a_promotion(project: Path, run: Run) -> None:
    """One project, step by step: each step finds what the one before left."""
    a_person_overrides_and_is_recorded(project, run)
    results_say_that_a_person_did_it(project, run)
    registering_the_same_again_keeps_a_persons_word(project)
    the_gates_may_move_the_champion_on_and_say_whose_place_it_takes(project)
    back_to_an_older_version_that_failed_nothing(project, run)
    the_gates_forget_a_persons_word_when_they_promote_by_themselves(project)
    a_version_without_files_is_not_promoted(project)
