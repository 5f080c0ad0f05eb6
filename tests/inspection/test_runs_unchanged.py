"""The one promise: what is proposed for a recording runs as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from spikebridge import config, io, preprocess, simulate
from spikebridge.artifacts.windows import load_animals, load_windows
from spikebridge.config import ComputeConfig, SimulateConfig
from spikebridge.inspection import Inspection, complete_params, inspect
from spikebridge.splits import make_splits

SHIPPED = Path(__file__).parents[2] / "params.yaml"
EXAMPLE = SHIPPED.parent / "examples/steinmetz/params.yaml"
REAL = {
    "cori_2016-12-14": ({"CA3", "DG", "SUB"}, {"ACA", "MOs"}, 114),
    "forssmann_2017-11-02": ({"CA1", "DG", "SUB"}, {"ACA", "MOs", "ORB", "PL"}, 254),
    "hench_2017-06-16": ({"CA1", "CA3"}, {"ORBm", "PL"}, 372),
    "lederberg_2017-12-05": ({"CA1", "DG", "SUB"}, {"ACA", "MOs", "PL"}, 340),
}


def run(result: Inspection, folder: Path) -> dict[str, int]:
    """Write the file, load it, and run the three stages that decide about data: recording -> labelled trials."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "params.yaml"
    path.write_text(complete_params(SHIPPED.read_text(encoding="utf-8"), result.proposal), encoding="utf-8")
    alone = ComputeConfig(workers=1)  # starting other processes takes longer
    settings = config.load(path).model_copy(update={"compute": alone})
    printed, written = (yaml.safe_load(text) for text in (result.proposed_yaml, path.read_text(encoding="utf-8")))
    assert printed.pop("models")["seq2seq"].items() <= written["models"]["seq2seq"].items()
    assert printed.items() <= written.items()
    io.ingest(io.IngestSections.of(settings), folder / "ingested")
    preprocess.write_windows(
        io.IngestedRecordings(folder / "ingested"), preprocess.PreprocessSections.of(settings), folder / "windows"
    )
    windows = load_windows(folder / "windows")
    make_splits(windows, settings.split, animals=load_animals(folder / "windows"))
    for w in windows:
        assert (w.stop_s[w.labelled] <= w.decision_s[w.labelled] + 1e-6).all()
    return {w.recording: int(w.labelled.sum()) for w in windows}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_a_real_recording(real_folder: Path, tmp_path: Path, name: str) -> None:
    source, target, n_trials = REAL[name]
    result = inspect(real_folder / f"{name}.nwb", base=yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))
    assert (set(result.proposal.data["source"]), set(result.proposal.data["target"])) == (source, target)
    assert result.proposal.data["observed"] == "trials"
    assert result.proposal.trials["label"] == "outcome"
    assert result.proposal.trials["window_s"] == [0.0, 0.4]
    example = config.load(EXAMPLE)
    assert result.proposal.translator.items() <= example.models["seq2seq"].items()
    assert 0.1 < result.proposal.data["min_rate_hz"] <= example.data.min_rate_hz
    assert result.dry_run.runs
    assert result.dry_run.stages == ("ingest", "preprocess", "split")
    assert result.dry_run.trials_used == {name: (n_trials, n_trials)}
    spikes = result.recordings[0].spikes
    assert spikes is not None
    assert (spikes.resolution_s, spikes.observed_from) == (pytest.approx(0.01), "trials")
    assert any("refractory violations cannot be told" in str(w) for w in result.recordings[0].warnings)
    assert run(result, tmp_path) == {name: n_trials}
    about = json.loads((tmp_path / "ingested" / name / "recording.json").read_text(encoding="utf-8"))
    assert about["bin_width_s"] is None, "the file holds spike times, known to 10 ms"


@pytest.mark.slow
def test_the_folder_of_real_recordings(real_folder: Path, tmp_path: Path) -> None:
    """Regions come from a column in two of the files, from electrodes in the others."""
    result = inspect(real_folder)
    assert set(result.proposal.data["source"]) == set().union(*(s for s, _, _ in REAL.values()))
    assert set(result.proposal.data["target"]) == set().union(*(t for _, t, _ in REAL.values()))
    assert result.proposal.data["region_from"] == "auto"
    assert set(result.proposal.region_column.values()) == {"brain_area", "electrodes.location"}
    assert any(str(w).startswith("recordings differ in proposed regions: ") for w in result.warnings)
    assert result.proposal.data["min_rate_hz"] == config.load(EXAMPLE).data.min_rate_hz
    assert result.proposal.translator.items() <= config.load(EXAMPLE).models["seq2seq"].items()
    assert run(result, tmp_path) == {name: n for name, (_, _, n) in REAL.items()}


@pytest.mark.slow
def test_simulated_recordings_get_the_shipped_parameters(tmp_path: Path) -> None:
    knobs = SimulateConfig(n_recordings=2, n_trials=90, n_source_units=(8, 10), n_target_units=(6, 8))
    simulate.simulate(knobs, 1, tmp_path / "simulated")
    result = inspect(tmp_path / "simulated")
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    # what the user asks of the data, and no file can say, is left at its default
    assert {**result.proposal.data, "path": "data/simulated", "direction": "source_to_target"} == shipped["data"]
    assert {**result.proposal.trials, "covariates": ["delay_s", "restaurant"]} == shipped["trials"]
    assert result.proposal.bins == shipped["bins"]
    assert result.not_read == ()
    assert result.proposal.translator.items() <= shipped["models"]["seq2seq"].items(), "as the default study has them"
    assert set(run(result, tmp_path / "run").values()) == {90}
