"""MATLAB files: options that are proposed for what a file holds, and the blocks of docs/matlab.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mat_files import Cells, Structs, write_5
from matlab_sessions import OPTIONS, VERSIONS, Writer, proposed, read, session, trains, wrong
from numpy.typing import NDArray

from spikebridge import io, preprocess
from spikebridge.artifacts.windows import load_windows
from spikebridge.config import DataConfig, parse
from spikebridge.errors import ConfigError
from spikebridge.io.reader_registry import options_of
from spikebridge.io.readers import matlab


@VERSIONS
def test_the_proposed_options_run(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path / "day1.mat", session())
    text = wrong(path)
    assert "data.options must name where the spikes lie" in text
    contents = read(path, **proposed(text))
    expected = read(path, **OPTIONS)
    assert trains(contents) == trains(expected)
    pd.testing.assert_frame_equal(contents.units, expected.units)
    pd.testing.assert_frame_equal(contents.tables["trials"], expected.tables["trials"])
    assert contents.animal == "rat7"


def test_flat_spikes_are_proposed(tmp_path: Path) -> None:
    flat = {"spike_times": np.array([[0.5, 1.5]]), "spike_clusters": np.array([[1, 2]]), "other": np.ones((2, 2))}
    text = wrong(write_5(tmp_path / "a.mat", flat))
    assert "spike_times: spike_times\n    spike_units: spike_clusters" in text


def test_nothing_to_propose(tmp_path: Path) -> None:
    text = wrong(write_5(tmp_path / "a.mat", {"x": np.ones((2, 2))}))
    assert "names and sizes" not in text
    assert "counts in bins are read by data.reader: binned, docs/binned.md" in text
    assert "The file holds:\n  x: double 2x2" in text


def test_long_contents_are_cut(tmp_path: Path) -> None:
    text = wrong(write_5(tmp_path / "a.mat", {f"v{k}": np.ones((2, 2)) for k in range(100)}))
    assert "... and 20 more" in text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"spike_times": "a"}, "spike_times and spike_units need each other"),
        ({"spikes": "a", "spike_times": "a", "spike_units": "b"}, "got both"),
        ({"spikes": "a", "time_unit": "samples"}, "sampling_rate_hz need each other"),
        ({"spikes": "a", "trials": 3}, "trials: must be the path of a struct, or {name: path, ...}, got 3"),
        ({"spikes": "a", "behavior": {"x": "a.b"}}, "behavior: must be the path of a struct, or {name: {time: path"),
        ({"spike": "a"}, "unknown key spike, did you mean spikes?"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], text: str) -> None:
    data = DataConfig(path="", source=["HC"], target=["PFC"], options=options)
    with pytest.raises(ConfigError) as caught:
        options_of(io.get_reader("matlab"), data)
    assert text in str(caught.value)


PAGE = (Path(__file__).parents[2] / "docs" / "matlab.md").read_text(encoding="utf-8")


def blocks_of_the_page() -> list[dict[str, Any]]:
    blocks = [yaml.safe_load(b) for b in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    return [b for b in blocks if b["data"]["reader"] == "matlab"]


def numbers_of_the_page(name: str) -> NDArray[np.float64]:
    """A vector in the page's MATLAB code: [1 2] is a row, [1; 2] a column."""
    match = re.search(rf"{re.escape(name)} = (?:uint64\()?\[(.*?)\]", PAGE)
    assert match is not None, name
    rows = [[float(v) for v in row.split()] for row in match[1].split(";")]
    return np.array(rows)


def files_of_the_page() -> dict[str, dict[str, Any]]:
    """What the page's MATLAB code saves."""
    at = [numbers_of_the_page(f"session.units({k}).spike_times") for k in (1, 2, 3)]
    units = [{"spike_times": t, "region": r} for t, r in zip(at, ("CA1", "PFC", "PFC"), strict=True)]
    first: dict[str, Any] = {n: numbers_of_the_page(f"session.trials.{n}") for n in ("start", "stop", "decision")}
    first["side"] = Cells(["left", "right", "left"])
    tracking = {"t": np.arange(751).reshape(1, -1) * 0.04, "xy": np.random.default_rng(1).random((751, 2))}
    rows = [{"start_time": s, "stop_time": s + 4, "choice": c} for s, c in ((2.0, "left"), (12.0, "right"))]
    session = {
        "subject": "rat7",
        "recorded": numbers_of_the_page("session.recorded"),
        "units": Structs(units),
        "trials": first,
        "tracking": tracking,
    }
    return {
        "rat7_day1": {"session": session},
        "rat8_day1": {
            "spikes": {
                "samples": numbers_of_the_page("spikes.samples").astype("u8"),
                "cluster": numbers_of_the_page("spikes.cluster"),
            },
            "clusters": {"id": np.array([[4.0, 7]]), "area": Cells(["CA1", "PFC"]), "label": Cells(["good", "good"])},
            "trials": Structs([{n: v if isinstance(v, str) else np.array(v) for n, v in r.items()} for r in rows]),
        },
    }


@VERSIONS
@pytest.mark.parametrize("block", blocks_of_the_page(), ids=lambda b: Path(b["data"]["path"]).stem)
def test_the_blocks_of_the_page_run(write: Writer, block: dict[str, Any], tmp_path: Path) -> None:
    """Through ingest and preprocess, with the window and the bins that stand there."""
    name = Path(block["data"]["path"]).stem
    path = write(tmp_path / f"{name}.mat", files_of_the_page()[name])
    settings = parse({**block, "data": block["data"] | {"path": str(path)}, "models": {}})
    assert io.ingest(io.IngestSections.of(settings), tmp_path / "ingested") == [name]
    ingested = io.IngestedRecordings(tmp_path / "ingested")
    recording = next(iter(ingested))
    assert recording.units["region"].unique().tolist() == ["CA1", "PFC"]
    assert recording.trials["choice"].tolist()[:2] == ["left", "right"]
    assert recording.trials["stop_time"].tolist()[:2] == [6.0, 16.0]
    expected = {
        "rat7_day1": [0.113, 4.48, 14.206, 25.1, 3.9, 9.2, 15.8, 24.6],
        "rat8_day1": [0.113, 5.8, 6.7, 15.9, 0.3, 5.9, 15.6, 17.0],
    }
    np.testing.assert_allclose(recording.spikes["time_s"], expected[name])
    report = preprocess.write_windows(ingested, preprocess.PreprocessSections.of(settings), tmp_path / "windows")
    assert report["classes"] == ["left", "right"]
    assert report["recordings"][name]["trials"]["kept"] == len(recording.trials)
    windows = load_windows(tmp_path / "windows")[0]
    assert (windows.n_bins, block["bins"]) == ({"rat7_day1": 20, "rat8_day1": 10}[name], {"width_s": 0.1})
    spikes = {"rat7_day1": (3, 2), "rat8_day1": (2, 2)}[name]
    assert (windows.source[windows.labelled].sum(), windows.target[windows.labelled].sum()) == spikes


def test_a_proposal_keeps_what_was_said(tmp_path: Path) -> None:
    files = files_of_the_page()
    text = wrong(write_5(tmp_path / "a.mat", files["rat7_day1"]), observed="session.recorded", time_unit="s")
    options = proposed(text)
    assert (options["observed"], options["time_unit"]) == ("session.recorded", "s")
    assert options["behavior"] == {"xy": {"time": "session.tracking.t", "value": "session.tracking.xy"}}
    assert len(read(tmp_path / "a.mat", **options).behavior) == 2 * 751
    given = {"time_unit": "samples", "trial_time_unit": "s", "sampling_rate_hz": 30000.0}
    text = wrong(write_5(tmp_path / "b.mat", files["rat8_day1"]), units={"quality": "clusters.label"}, **given)
    options = proposed(text)
    assert options.items() >= {**given, "units": {"quality": "clusters.label"}}.items()
    block = next(b for b in blocks_of_the_page() if "rat8" in b["data"]["path"])
    assert {**options, "trials": "trials"} == block["data"]["options"]


def test_the_page_names_every_option() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(matlab.Options.model_fields) <= named
