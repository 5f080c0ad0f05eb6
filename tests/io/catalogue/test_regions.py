"""Regions that are not there, or there under several spellings."""

from __future__ import annotations

import pytest
from catalogue import Case, Catalogue, Project, refuses

BAD = Catalogue()


@BAD.add(
    "ingest: a.nwb: no unit in a region of data.source = 'HPC', did you mean HC?; regions here: 'HC' (2 units), "
    "'PFC' (2 units)",
    data={"source": ["HPC"]},
)
def misspelt_region(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb:",
    "  - no unit in a region of data.source = 'hc', did you mean HC?; regions here: 'HC' (2 units), 'PFC' (2 units)",
    "  - no unit in a region of data.target = 'pfc ', did you mean PFC?; regions here: 'HC' (2 units), 'PFC' (2 units)",
    data={"source": ["hc"], "target": ["pfc "]},
)
def region_in_another_case(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb:",
    "  - no unit in a region of data.source = 'HC'; regions here: none",
    "  - no unit in a region of data.target = 'PFC'; regions here: none",
)
def every_region_empty(at: Project) -> None:
    at.nwb(columns={"region": [""] * 4})


@BAD.add("ingest: a.nwb: no unit in a region of data.target = 'PFC'; regions here: 'HC' (4 units)")
def all_units_in_one_region(at: Project) -> None:
    at.nwb(columns={"region": ["HC"] * 4})


@BAD.add(
    "ingest: a.nwb:",
    "  - no unit in a region of data.source = 'HC'; regions here: 'V1' (2 units), 'LGN' (2 units)",
    "  - no unit in a region of data.target = 'PFC'; regions here: 'V1' (2 units), 'LGN' (2 units)",
)
def no_asked_region(at: Project) -> None:
    at.nwb(columns={"region": ["V1", "V1", "LGN", "LGN"]})


@BAD.add(
    "ingest: a.nwb: regions 'HC' (1 unit) and 'hc ' (1 unit) differ in spelling alone: name both in data.source, "
    "or correct the file"
)
def one_region_in_two_spellings(at: Project) -> None:
    at.nwb(columns={"region": ["HC", "hc ", "PFC", "PFC"]})


@BAD.add(
    "ingest: a.nwb: regions 'CA3' (0 units) and 'CA-3' (1 unit) differ in spelling alone: name both in "
    "data.source, or correct the file",
    data={"source": ["CA1", "CA3"], "target": ["PFC"]},
)
def one_of_several_regions_misspelt(at: Project) -> None:
    """Half of the source would be left out."""
    at.nwb(columns={"region": ["CA1", "CA-3", "PFC", "PFC"]})


@BAD.add(
    "ingest: a.nwb: data.region_from = 'regoin' is no column of the units, did you mean region? Columns: region",
    data={"region_from": "regoin"},
)
def misspelt_region_column(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: no region of a unit found: expected a units column (region, brain_area, brain_region, area, "
    "location, anatomical_location, structure, structure_acronym, acronym, electrode_group, group_name) or "
    "electrodes; units have depth_um. Name the column in data.region_from"
)
def no_region_column(at: Project) -> None:
    at.nwb(columns={"depth_um": [100.0, 200.0, 300.0, 400.0]})


@BAD.add(
    "ingest: a.nwb: data.region_from = 'electrodes', but units have no electrodes; columns of the units: region",
    data={"region_from": "electrodes"},
)
def no_electrodes(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: a.nwb: data.region_from = 'electrodes.area' is no column of the units, did you mean "
    "electrodes.group_name? Columns: electrodes.location, electrodes.group_name, electrodes.group.location",
    data={"region_from": "electrodes.area"},
)
def electrodes_without_that_column(at: Project) -> None:
    at.nwb(electrodes={"location": ["HC", "PFC"], "of_unit": [[0], [0], [1], [1]]})


@BAD.add(
    "ingest: params.yaml: data: source and target must not share regions, both name ['HC']",
    data={"source": ["HC"], "target": ["HC"]},
)
def source_is_target(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: data.target: expected at least 1 in the list, got []", data={"target": []})
def no_target(at: Project) -> None:
    at.nwb()


@BAD.add("ingest: params.yaml: data.source: expected a list in square brackets, got 'HC'", data={"source": "HC"})
def region_instead_of_a_list(at: Project) -> None:
    at.nwb()


@pytest.mark.parametrize("case", BAD.cases, ids=str)
@pytest.mark.quick_cases(7)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)
