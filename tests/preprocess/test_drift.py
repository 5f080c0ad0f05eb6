"""The rate of a population from the first to the last third, by spikes that were counted beforehand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from read_one import read_recording

from spikebridge import config
from spikebridge.config import RecordingSections
from spikebridge.preprocess.quality import select_units
from spikebridge.preprocess.unit_metrics import drift_warnings, spikes_in_thirds
from spikebridge.types import Recording

IDS = np.array([3, 8])


def recording(first: int, last: int, observed: list[list[float]], gap_s: float = 0.0) -> Recording:
    """Two units with so many spikes in the first third and in the others; a gap in the middle third, outside which
    900 s are observed."""
    parts = [np.linspace(0.5, 299.5, first), np.linspace(300.5, 400.0, 50), np.linspace(600.5, 899.5, last) + gap_s]
    times = np.concatenate(parts)
    return Recording(
        name="day1",
        animal="rat",
        spikes=pd.DataFrame({"unit": np.repeat(IDS, len(times)), "time_s": np.tile(times, 2)}),
        units=pd.DataFrame({"unit": IDS, "region": "HC"}),
        trials=pd.DataFrame(),
        behavior=pd.DataFrame(),
        observed=np.array(observed),
    )


@pytest.mark.parametrize(
    ("observed", "gap_s"), [([[0.0, 900.0]], 0.0), ([[0.0, 450.0], [5450.0, 5900.0]], 5000.0)], ids=["whole", "gap"]
)
@pytest.mark.parametrize(
    ("first", "last", "factor"), [(1000, 1000, ""), (1000, 1400, ""), (1000, 1600, "1.6"), (900, 300, "0.33")]
)
def test_the_change_of_a_role(first: int, last: int, factor: str, observed: list[list[float]], gap_s: float) -> None:
    changing = recording(first, last, observed, gap_s)
    assert spikes_in_thirds(changing, IDS) == (2 * first, 2 * last)
    findings = list(drift_warnings(changing, {"source": IDS, "target": IDS[:1]}))
    roles = [f"the population rate of {role} changes {factor} times" for role in ("source", "target")] if factor else []
    assert [finding.text.split(" from")[0] for finding in findings] == roles
    assert [(f.code, f.subject) for f in findings] == [
        ("rate-drift", role) for role in ("source", "target")[: len(roles)]
    ]


def test_few_spikes_and_short_recordings_say_nothing() -> None:
    assert list(drift_warnings(recording(10, 20, [[0.0, 900.0]]), {"source": IDS})) == []
    short = recording(1000, 3000, [[0.0, 900.0]])
    short = replace(
        short, spikes=short.spikes.assign(time_s=short.spikes["time_s"] / 10), observed=np.array([[0, 90.0]])
    )
    assert list(drift_warnings(short, {"source": IDS})) == []


@pytest.mark.slow
def test_real_recordings_are_steady(real_folder: Path) -> None:
    settings = config.load(Path(__file__).parents[2] / "examples" / "steinmetz" / "params.yaml")
    for path in sorted(real_folder.glob("*.nwb")):
        steady = read_recording(path, RecordingSections.of(settings))
        assert list(drift_warnings(steady, select_units(steady, settings.data, settings.quality).kept)) == [], path
