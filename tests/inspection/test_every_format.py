"""Inspection works on whatever a reader takes: a simulated recording in every format that the registry finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from studies import as_recording

from spikebridge import io
from spikebridge.config import SimulateConfig
from spikebridge.inspection import inspect
from spikebridge.simulate import simulate_session
from spikebridge.types import Recording


@pytest.fixture(scope="module")
def simulated() -> Recording:
    knobs = SimulateConfig(n_trials=60, n_source_units=(6, 6), n_target_units=(5, 5))
    session = as_recording(simulate_session(knobs, np.random.default_rng(3), "rat1_day1", "rat1"))
    on_samples = (session.spikes["time_s"] * 30000).round() / 30000
    return replace(session, spikes=session.spikes.assign(time_s=on_samples).drop_duplicates(ignore_index=True))


@pytest.mark.parametrize("name", io.reader_names())
@pytest.mark.quick_cases(5)
def test_a_block_that_runs(simulated: Recording, tmp_path: Path, name: str) -> None:
    reader = io.get_reader(name)
    step = getattr(reader, "TIME_STEP_S", None)
    if step is not None:
        spikes = simulated.spikes.assign(time_s=(simulated.spikes["time_s"] / step).round() / round(1 / step))
        simulated = replace(simulated, spikes=spikes.drop_duplicates(ignore_index=True))
    path = reader.write(simulated, tmp_path)
    result = inspect(path)
    assert [summary.source.reader for summary in result.recordings] == [name]
    assert result.recordings[0].name == "rat1_day1"
    assert (result.proposal.data["source"], result.proposal.data["target"]) == (["HC"], ["PFC"])
    assert result.proposal.trials["label"] == "choice"
    assert result.dry_run.runs, result.dry_run.problems
    assert result.dry_run.stages == ("ingest", "preprocess", "split")
    (used, total) = result.dry_run.trials_used["rat1_day1"]
    assert total == 60
    assert used >= 55
