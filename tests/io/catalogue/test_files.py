"""Folders and files that hold no recordings, half of one, or one twice."""

from __future__ import annotations

import shutil

import pytest
from catalogue import Case, Catalogue, Project, nobody, refuses, spikes

BAD = Catalogue()
CLOSED = Catalogue()


@BAD.add("ingest: data.path: expected recordings in 'raw', which does not exist")
def missing_folder(at: Project) -> None:
    at.raw.rmdir()


@BAD.add("ingest: data.path: expected recordings in 'raw', which is empty")
def empty_folder(at: Project) -> None:
    pass


@BAD.add("ingest: data.path: no recording in 'raw' that a reader (<readers>) takes; found there: day1.rhd, notes.docx")
def folder_of_other_things(at: Project) -> None:
    (at.raw / "notes.docx").write_bytes(b"PK")
    (at.raw / "day1.rhd").write_bytes(bytes(100))


@BAD.add("ingest: data.path: no reader (<readers>) takes 'raw/notes.docx'", data={"path": "raw/notes.docx"})
def path_to_another_file(at: Project) -> None:
    (at.raw / "notes.docx").write_bytes(b"PK")


@BAD.add("ingest: raw/a.nwb: no HDF5 file: it begins with the text 'unit,time_s'")
def text_named_nwb(at: Project) -> None:
    (at.raw / "a.nwb").write_text("unit,time_s\n1,0.5\n")


@BAD.add("ingest: raw/a.nwb: is empty (0 bytes): copy or download it again")
def empty_file(at: Project) -> None:
    (at.raw / "a.nwb").touch()


@BAD.add("ingest: raw/a.nwb: is truncated: 20,000 of 214,984 bytes are here; copy or download it again")
def truncated_hdf5(at: Project) -> None:
    """A copy that stopped half-way."""
    path = at.nwb()
    path.write_bytes(path.read_bytes()[:20_000])


@BAD.add("ingest: raw/a.nwb: HDF5, but no NWB: it has no nwb_version; it holds spikes")
def hdf5_that_is_no_nwb(at: Project) -> None:
    import h5py

    with h5py.File(at.raw / "a.nwb", "w") as handle:
        handle["spikes"] = [0.5, 1.5]


@BAD.add(
    "ingest: raw/a.nwb: no HDF5 file: it begins with the text 'version https://git-lfs.github.com/spec/v1': a "
    "pointer to the file; fetch the file itself (git lfs pull, datalad get, dvc pull)"
)
def pointer_of_git_lfs(at: Project) -> None:
    """A clone without the data."""
    (at.raw / "a.nwb").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345678\n", encoding="utf-8"
    )


@BAD.add(
    "ingest: data.path: links in 'raw' to files that are not here: a.nwb -> ../annex/MD5E-s12345.nwb; fetch the "
    "data (dvc pull, git annex get) or remove the links"
)
def link_to_nowhere(at: Project) -> None:
    """git-annex and DVC put links where the data are not fetched."""
    (at.raw / "a.nwb").symlink_to("../annex/MD5E-s12345.nwb")


@BAD.add(
    "ingest: two recordings are called 'a': raw/a.NWB and raw/a.nwb; rename one of them",
    "two recordings are called 'b': raw/b.NWB and raw/b.Nwb; rename one of them",
)
def two_recordings_of_one_name(at: Project) -> None:
    at.nwb("a")
    shutil.copy(at.nwb("b"), at.raw / "a.NWB")
    (at.raw / "b.nwb").rename(at.raw / "b.Nwb")
    shutil.copy(at.raw / "b.Nwb", at.raw / "b.NWB")


@BAD.add(
    "a: read",
    "copy of a: read",
    "ingest: a and copy of a hold the same spikes: one recording under two names would be in training and test "
    "at once; remove one of them",
)
def one_recording_under_two_names(at: Project) -> None:
    shutil.copy(at.nwb("a"), at.raw / "copy of a.nwb")


@BAD.add(
    "a: read",
    "cut of a: read",
    "  warning: 3 of 12 trials dropped: the window leaves the observed time",
    "ingest: a and cut of a hold about 73 % the same spikes: one recording under two names would be in training and "
    "test at once; remove one of them",
)
def one_recording_and_most_of_its_spikes(at: Project) -> None:
    """Cut again with a later start, on a clock that begins there."""
    at.nwb("a")
    later = {unit: [t - 0.5 for t in times if t > 30.0] for unit, times in spikes("a").items()}
    at.nwb("cut of a", spikes=later)


@BAD.add(
    "ingest: raw/rat1|day1.nwb: the name of a recording must not contain '|' or '/' nor begin with a dot: rename it"
)
def name_with_a_bar(at: Project) -> None:
    at.nwb("rat1|day1")


@BAD.add(
    "ingest: raw/a.nwb: expected a units table with spike_times, found none; the file holds neither acquisition "
    "nor processing"
)
def no_units_table(at: Project) -> None:
    at.nwb(spikes={}, columns={})


@BAD.add("ingest: raw/a.nwb: expected a column spike_times in units, found only region")
def no_spike_times(at: Project) -> None:
    """Units are listed, their spikes are elsewhere."""
    import h5py

    with h5py.File(at.nwb(), "r+") as handle:
        del handle["units/spike_times"], handle["units/spike_times_index"]
        handle["units"].attrs["colnames"] = ["region"]


@BAD.add(
    "ingest: data.path: no recording in 'raw' that a reader (tables) takes; found there: a.nwb; other readers "
    "take a.nwb (by nwb): set data.reader",
    data={"reader": "tables"},
)
def reader_of_another_format(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: data.reader: unknown reader 'nwbb', did you mean nwb? Known: auto, <readers>", data={"reader": "nwbb"}
)
def unknown_reader(at: Project) -> None:
    at.nwb()


@BAD.add(
    "ingest: data.options of the reader nwb: unknown key sampling_rate_hz; known: units",
    data={"reader": "nwb", "options": {"sampling_rate_hz": 30000}},
)
def option_that_the_reader_does_not_know(at: Project) -> None:
    at.nwb()


@BAD.add(
    "b: read",
    "ingest: raw/a.nwb: is empty (0 bytes): copy or download it again",
    "c.nwb: no unit in a region of data.target = 'PFC'; regions here: 'HC' (2 units), 'V1' (2 units)",
    "raw/d.nwb: no HDF5 file: it begins with the text 'nothing'",
)
def several_broken_files(at: Project) -> None:
    """Each is named; the sound one between them does not hide them."""
    (at.raw / "a.nwb").touch()
    at.nwb("b")
    at.nwb("c", columns={"region": ["HC", "HC", "V1", "V1"]})
    (at.raw / "d.nwb").write_text("nothing")


@CLOSED.add("ingest: data.path: 'raw' cannot be listed: Permission denied", around=nobody)
def folder_without_permission(at: Project) -> None:
    at.nwb()
    at.raw.chmod(0o000)


@CLOSED.add(
    "ingest: data.path: 'raw/closed/day1' cannot be opened: Permission denied",
    around=nobody,
    data={"path": "raw/closed/day1"},
)
def folder_in_a_closed_folder(at: Project) -> None:
    (at.raw / "closed" / "day1").mkdir(parents=True)
    (at.raw / "closed").chmod(0o000)


@CLOSED.add("ingest: raw/a.nwb: cannot be read: Permission denied", around=nobody)
def file_without_permission(at: Project) -> None:
    at.nwb().chmod(0o000)


@pytest.mark.parametrize("case", BAD.cases, ids=str)
@pytest.mark.quick_cases(10)
def test_refused(case: Case, project: Project) -> None:
    refuses(case, project)


@pytest.mark.parametrize("case", CLOSED.cases, ids=str)
def test_refused_to_somebody_without_rights(case: Case, open_project: Project) -> None:
    refuses(case, open_project)
