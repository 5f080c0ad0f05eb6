"""Which windows a model was fitted on: by content and by time on the same clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from new_recordings import Study, first_half

from spikebridge.artifacts.fitted_on import FittedOn, FittedRecording, window_hashes
from spikebridge.errors import DataError


def test_windows_of_a_recording_that_went_on_are_known_by_their_counts(study: Study) -> None:
    w = study.windows["day0"]
    record = FittedRecording.of(first_half(w), "before")
    known = record.covers(w, "after")
    assert known[w.stop_s <= np.median(w.start_s)].all()
    assert not known[w.start_s >= record.intervals[-1][1]].any()


def test_another_day_under_the_same_name_and_times_is_new(study: Study) -> None:
    w = study.windows["day0"]
    other = replace(w, source=np.roll(w.source, 1, axis=1))
    record = FittedRecording.of(w, "monday")
    assert not record.covers(other, "tuesday").any()
    assert record.covers(other, "monday").all(), "the same spikes, cut otherwise"


def test_silent_windows_are_not_taken_for_each_other() -> None:
    assert window_hashes(np.zeros((2, 3, 4), np.uint8)) == ["", ""]
    counts = np.ones((1, 3, 4))
    assert window_hashes(counts.astype(np.uint8)) == window_hashes(counts.astype(np.uint16))
    assert window_hashes(counts.astype(np.uint8)) != window_hashes(counts.reshape(1, 4, 3).astype(np.uint8))


def test_the_record_survives_json_and_damage_is_one_line(study: Study) -> None:
    record = FittedOn({"bins": {"width_s": 0.1}}, {"day0": FittedRecording.of(study.windows["day0"], "x")})
    assert FittedOn.parse(record.content(), "served.json") == record
    assert FittedOn.parse({}, "served.json") == FittedOn()
    with pytest.raises(DataError, match=r"served.json: fitted_on cannot be read") as caught:
        FittedOn.parse({"recordings": {"day0": {"spikes": ""}}}, str(Path("served.json")))
    assert "\n" not in str(caught.value)
