"""Mistakes in params.yaml itself."""

from __future__ import annotations

import pytest
from catalogue import Case, Catalogue, Project, refuses

BAD = Catalogue()


@BAD.add("ingest: params.yaml: unknown key data.sorce, did you mean source?", data={"sorce": ["HC"]})
def misspelt_key(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: unknown key trails, did you mean trials?", trails={"align": "start_time"})
def misspelt_section(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: bins.width_s: expected a number, got '50 ms'", bins={"width_s": "50 ms"})
def number_with_a_unit(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: bins.width_s = 5.0 is wider than the window of 2 s", bins={"width_s": 5.0})
def bin_wider_than_the_window(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: bins.width_s: expected more than 0, got 0.0", bins={"width_s": 0.0})
def bin_of_no_width(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: params.yaml: trials: window_s must go from earlier to later, got [0.0, -2.0]",
    trials={"window_s": [0.0, -2.0]},
)
def window_from_late_to_early(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: trials.window_s: number 2 of the list is missing", trials={"window_s": [-2.0]})
def window_with_one_end(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: split.n_outer_folds: expected at least 2, got 1", split={"n_outer_folds": 1})
def one_fold(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: params.yaml: data.min_rate_hz: expected at least 0, got -1; unknown key data.region, did you mean "
    "region_from?; split.by: expected 'block', 'recording' or 'animal', got 'trial'; compute.workers: expected "
    "at least 1 or 'auto', got 0",
    data={"min_rate_hz": -1, "region": "x"},
    split={"by": "trial"},
    compute={"workers": 0},
)
def several_mistakes(at: Project) -> None:
    at.nwb()


def written(at: Project, text: str) -> None:
    at.nwb()
    (at.root / "params.yaml").write_text(text, encoding="utf-8")


@BAD.add("ingest: params.yaml: cannot be read as YAML: line 2, column 7: expected ',' or '}', but got ':'")
def not_yaml(at: Project) -> None:
    written(at, "data: {path: raw\nmodels: {}\n")


@BAD.add("ingest: params.yaml: expected sections such as data: and models:, got list")
def list_instead_of_sections(at: Project) -> None:
    written(at, "- data\n- models\n")


@BAD.add("ingest: params.yaml: expected sections such as data: and models:, got an empty file")
def nothing_in_it(at: Project) -> None:
    written(at, "")


@BAD.add("ingest: params.yaml: data is missing")
def no_data_section(at: Project) -> None:
    written(at, "models: {majority: {}}\n")


@BAD.add("ingest: params.yaml: no such parameter file")
def no_such_file(at: Project) -> None:
    (at.root / "params.yaml").symlink_to(at.root / "nowhere.yaml")


@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
