"""Spike times that another program corrected, and the setting `data.offset_s`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from clock_sessions import (
    brute_force,
    counts,
    generated,
    moved,
    only,
    read_all,
    refusal,
    session,
    settings,
    write_phy,
    write_tables,
)

from spikebridge.errors import ConfigError
from spikebridge.io import IngestSections, ingest

# Times that another program corrected.


def test_times_of_tprime_are_used(tmp_path: Path) -> None:
    truth = generated("22_tprime_adjusted", tmp_path)
    asked = settings(tmp_path, source="HPC")
    recording = only(asked)
    assert recording.spikes["time_s"].min() == truth["first_spike_ni"]
    assert recording.spikes["time_s"].max() == truth["last_ni"]
    folder = tmp_path / "imec0_ks2"
    at = pd.read_csv(folder / "trials.csv")["choice_time"]
    spikes = np.load(folder / "spike_times_sec_adj.npy")
    assert counts(recording, asked) == brute_force(spikes, dict(enumerate(at)))
    notes = "\n".join(map(str, recording.warnings))
    assert "spike times are those of spike_times_sec_adj.npy: they are 11.89 to 12 s after those of" in notes
    assert "spike_times_sec.npy is not used" in notes
    by_samples = only(settings(tmp_path, source="HPC", options={"spike_times": "samples"}))
    assert by_samples.spikes["time_s"].min() == truth["first_spike_by_samples"]
    measured = only(settings(tmp_path, source="HPC", options={"spike_times": "spike_times_sec.npy"}))
    assert measured.spikes["time_s"].max() == np.load(folder / "spike_times_sec.npy").max()


@pytest.mark.parametrize(
    ("stem", "factor"),
    [
        ("spike_times_sec", 1.0),
        ("spike_times_corrected", 1.0),
        ("spikes.times", 1.0),
        ("spike_seconds", 1.0),
        ("spike_times_sync", 1000.0),
        ("spike_times_aligned_samples", 30_000.0),
    ],
)
def test_files_of_corrected_times(stem: str, factor: float, tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values())) * 1.00002 + 3.25
    write_phy(tmp_path / "day1", trains, moved(table, 3.25), **{stem: right * factor})
    recording = only(settings(tmp_path))
    assert np.sort(recording.spikes["time_s"].to_numpy()) == pytest.approx(np.sort(right), abs=1e-6)
    assert f"spike times are those of {stem}.npy" in "\n".join(map(str, recording.warnings))


def test_files_that_do_not_hold_the_times(tmp_path: Path) -> None:
    trains, table = session()
    n = sum(len(t) for t in trains.values())
    own = write_phy(
        tmp_path / "day1",
        trains,
        table,
        spike_times_sec=np.zeros(5),
        spike_time_bins=np.arange(n),
        spike_sizes=np.ones(n),
    )
    recording = only(settings(tmp_path))
    assert np.sort(recording.spikes["time_s"]).tolist() == np.sort(own).tolist()
    notes = "\n".join(map(str, recording.warnings))
    assert (
        f"spike_times_sec.npy is not used: expected one number for each of {n} spikes, got float64 of shape (5,)"
        in notes
    )


def test_corrected_times_that_disagree(tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values()))
    write_phy(tmp_path / "day1", trains, table, spike_times_sec_adj=right + 2, spike_times_corrected=right + 3)
    text = refusal(settings(tmp_path))
    assert "that differ by up to 1 s: name the file whose clock the trials have" in text
    line = re.search(r"data\.options: (\{.*?\})", text)
    assert line
    recording = only(settings(tmp_path, options=yaml.safe_load(line[1])))
    assert recording.spikes["time_s"].min() == pytest.approx(right.min() + 3)
    unknown = refusal(settings(tmp_path, options={"spike_times": "spike_times_sec_adj.np"}))
    assert "there is no 'spike_times_sec_adj.np', did you mean spike_times_sec_adj.npy?" in unknown


def test_a_changed_file_of_times_is_read_again(tmp_path: Path) -> None:
    trains, table = session()
    right = np.concatenate(list(trains.values()))
    write_phy(tmp_path / "raw" / "day1", trains, table, spike_times_sec_adj=right + 2)
    lines: list[str] = []
    ingest(IngestSections.of(settings(tmp_path / "raw")), tmp_path / "one")
    ingest(IngestSections.of(settings(tmp_path / "raw")), tmp_path / "two", tmp_path / "one", lines.append)
    assert "day1: unchanged" in lines
    np.save(tmp_path / "raw" / "day1" / "spike_times_sec_adj.npy", right + 3)
    ingest(IngestSections.of(settings(tmp_path / "raw")), tmp_path / "three", tmp_path / "two", lines.append)
    ingest(
        IngestSections.of(settings(tmp_path / "raw", offset_s=1)), tmp_path / "four", tmp_path / "three", lines.append
    )
    assert len([line for line in lines if line.startswith("day1: read")]) == 2


def test_the_extractor_of_alf_is_not_used(tmp_path: Path) -> None:
    pytest.importorskip("spikeinterface")
    (tmp_path / "alf").mkdir()
    np.save(tmp_path / "alf" / "spikes.samples.npy", np.arange(9))
    with pytest.raises(ConfigError, match=r"alf is not used: it takes spikes\.samples, .* on the clock of the probe"):
        read_all(settings(tmp_path / "alf", reader="sorting", options={"extractor": "alf"}))


# The setting itself.


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        ("32", "data.offset_s: expected a number of seconds, or a mapping, got '32'"),
        (True, "data.offset_s: expected a number of seconds, or a mapping, got True"),
        (float("nan"), "data.offset_s: expected a number of seconds, or a mapping, got nan"),
        ({"trials": "x"}, "data.offset_s: trials must be a number of seconds, found 'x'"),
        (
            {"day1": {"trial": 3}},
            "seconds of day1 must be for spikes, trials, behavior, found 'trial', did you mean trials?",
        ),
    ],
)
def test_offsets_that_are_none(offset: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, offset_s=offset)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("offset", "message"), [({"dya1": 3}, "did you mean day1?"), ({"trial": 3}, "did you mean trials?")]
)
def test_offsets_of_unknown_recordings(offset: Any, message: str, tmp_path: Path) -> None:
    trains, table = session()
    write_tables(tmp_path / "raw" / "day1", trains, table)
    with pytest.raises(ConfigError, match=r"data\.offset_s") as caught:
        ingest(IngestSections.of(settings(tmp_path / "raw", offset_s=offset)), tmp_path / "out")
    assert message in str(caught.value)


def test_every_part_can_be_moved(tmp_path: Path) -> None:
    trains, table = session()
    folder = write_tables(tmp_path / "day1", trains, table.assign(number=np.arange(80)))
    pd.DataFrame({"series": "x", "time_s": [1.0, 2.0], "value": [0.0, 1.0]}).to_csv(
        folder / "behavior.csv", index=False
    )
    (folder / "recording.json").write_text('{"observed": [[0.0, 700.0]]}', encoding="utf-8")
    before = only(settings(tmp_path))
    after = only(settings(tmp_path, offset_s={"spikes": 1.0, "trials": 2.0, "behavior": 4.0}))
    assert (after.spikes["time_s"] - before.spikes["time_s"]).to_numpy() == pytest.approx(1.0)
    assert after.observed.tolist() == [[1.0, 701.0]]
    times = ["start_time", "stop_time", "choice_time"]
    assert (after.trials[times] - before.trials[times]).to_numpy() == pytest.approx(2.0)
    pd.testing.assert_frame_equal(after.trials.drop(columns=times), before.trials.drop(columns=times))
    assert after.behavior["time_s"].tolist() == [5.0, 6.0]
