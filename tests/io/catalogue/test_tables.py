"""Folders of tables, as a laboratory writes them by hand."""

from __future__ import annotations

from typing import Any

import pytest
from catalogue import Case, Catalogue, Project, accepts, refuses, spikes, trials

BAD = Catalogue()
ODD = Catalogue()


def csv(columns: dict[str, list[Any]], separator: str = ",", point: str = ".") -> str:
    rows = [separator.join(columns)]
    rows += [separator.join(str(v).replace(".", point) for v in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(rows) + "\n"


def flat(name: str = "a") -> dict[str, list[Any]]:
    pairs = [(unit, time) for unit, times in spikes(name).items() for time in times]
    return {"unit": [u for u, _ in pairs], "time_s": [t for _, t in pairs]}


@BAD.add(
    "ingest: raw/a: spikes.csv: column unit: 390 spikes of units that are not in the units table: 1 (from row 2), 2 "
    "(from row 132), 3 (from row 262). Add a row for each of them to it; a unit whose region is empty is not used"
)
def spikes_of_many_unknown_units(at: Project) -> None:
    """The units table of another day."""
    at.tables(units={"unit": [4, 11, 12], "region": ["HC", "HC", "PFC"]})


@BAD.add(
    "ingest: raw/a: spikes.csv: column unit: 130 spikes of units that are not in the units table: 4 (from row 392). "
    "Ids seem to count from 1 here and from 0 there: give both tables the same ids"
)
def ids_that_count_from_zero_in_one_table(at: Project) -> None:
    at.tables(units={"unit": [0, 1, 2, 3], "region": ["HC", "HC", "PFC", "PFC"]})


@ODD.add(
    "a: read",
    "  warning: spikes.csv: column unit: 130 spikes of units that are not in the units table: 4 (from row 392); left "
    "out, since no region is known of them",
)
def spikes_of_an_unknown_unit(at: Project) -> None:
    at.tables(units={"unit": [1, 2, 3], "region": ["HC", "HC", "PFC"]})


@BAD.add("ingest: raw/a: spikes.csv: expected a column time_s, found unit, time; is it 'time'? Call it time_s")
def no_column_of_times(at: Project) -> None:
    table = flat()
    at.tables(spikes={"unit": table["unit"], "time": table["time_s"]})


@BAD.add("ingest: raw/a: spikes.csv: column time_s: expected numbers, found 'n/a?' in row 521")
def text_among_the_times(at: Project) -> None:
    table = flat()
    at.tables(spikes=table | {"time_s": [*table["time_s"][:-1], "n/a?"]})


@BAD.add("ingest: a: expected spikes, found none: correct the file")
def spikes_without_rows(at: Project) -> None:
    at.tables(spikes="unit,time_s\n")


@BAD.add("ingest: raw/a: spikes.csv: is empty: expected a first row with the names of the columns")
def empty_spike_file(at: Project) -> None:
    at.tables(spikes="")


@BAD.add("ingest: raw/a: expected a table units.csv, .tsv or .parquet with columns unit and region, found none")
def no_units_file(at: Project) -> None:
    at.tables(units=None)


@BAD.add(
    "ingest: a: no region of a unit found: expected a units column (region, brain_area, brain_region, area, "
    "location, anatomical_location, structure, structure_acronym, acronym, electrode_group, group_name) or "
    "electrodes; units have depth. Name the column in data.region_from"
)
def units_without_regions(at: Project) -> None:
    at.tables(units={"unit": [1, 2, 3, 4], "depth": [10, 20, 30, 40]})


@BAD.add("ingest: raw/a: units: column unit: ids must be unique, found more than once: 4 in rows 5, 6")
def units_listed_twice(at: Project) -> None:
    at.tables(units={"unit": [1, 2, 3, 4, 4], "region": ["HC", "HC", "PFC", "PFC", "HC"]})


@BAD.add(
    "ingest: a: trials.table = 'trials': no interval table is here (rows with start_time and stop_time); expected one"
)
def no_trials_file(at: Project) -> None:
    at.tables(trials=None)


@BAD.add("ingest: raw/a: trials.csv: expected a column stop_time, found start_time, decision_time, choice")
def trials_without_an_end(at: Project) -> None:
    at.tables(trials=trials(stop_time=None))


@BAD.add("ingest: raw/a: recording.json: cannot be read as JSON (Expecting ',' delimiter: line 1 column 44 (char 43))")
def broken_json(at: Project) -> None:
    at.tables(recording='{"animal": "rat", "observed": [[0.0, 130.0]}')


@BAD.add("ingest: raw/a: recording.json: observed: expected each start before its stop, found [[130.0, 61.0]]")
def observed_from_late_to_early(at: Project) -> None:
    at.tables(recording='{"observed": [[0.0, 60.0], [130.0, 61.0]]}')


@BAD.add("ingest: raw/a: expected one table spikes.csv, .tsv or .parquet, found spikes.csv, spikes.tsv")
def spikes_in_two_files(at: Project) -> None:
    (at.tables() / "spikes.tsv").write_text(csv(flat(), "\t"), encoding="utf-8")


@BAD.add(
    "ingest: data.options of the reader tables: time_unit: expected 's', 'ms', 'us' or 'samples', got 'hours'",
    data={"options": {"time_unit": "hours"}},
)
def unknown_unit_of_time(at: Project) -> None:
    at.tables()


@BAD.add(
    "ingest: a: spike times are not in seconds: the median unit would fire at 1001 Hz; multiply minutes by 60, "
    "hours by 3600, or correct what data.options says about times",
    data={"options": {"time_unit": "ms"}},
)
def seconds_said_to_be_milliseconds(at: Project) -> None:
    at.tables(
        spikes={k: v * 3 for k, v in flat().items()}
        | {"time_s": [t + i for i in (0, 130, 260) for t in flat()["time_s"]]}
    )


@BAD.add(
    "ingest: raw/a:",
    "  - trials.csv: column stop_time: expected numbers, found 'x' in row 2",
    "  - recording.json: cannot be read as JSON (Expecting value: line 1 column 1 (char 0))",
    "  - units: column unit: ids must be unique, found more than once: 2 in rows 3, 4",
    "  - spikes.csv: column time_s: expected numbers, found 'soon' in row 2",
)
def mistakes_in_every_table(at: Project) -> None:
    at.tables(
        spikes=flat() | {"time_s": ["soon", *flat()["time_s"][1:]]},
        units={"unit": [1, 2, 2, 3], "region": ["HC", "HC", "PFC", "PFC"]},
        trials="start_time,stop_time\n1.0,x\n",
        recording="rat",
    )


@pytest.mark.parametrize("case", BAD.cases, ids=str)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)


@pytest.mark.parametrize("case", ODD.cases, ids=str)
def test_accepted(case: Case, project: Project) -> None:
    accepts(case, project)
