"""Tables of unit quality, gathered from what preprocess wrote."""

from __future__ import annotations

import json
from pathlib import Path

from spikebridge.evaluation.tables import FILTERS, LIMITS, QUALITY, quality_tables

HEAD = ",".join(column for column in QUALITY if column != "recording")


def test_recordings_are_put_together(tmp_path: Path) -> None:
    rows = {
        "day1": "3,TT1_c3,NA,source,9,1.0,0.0,0,1.0,,good,1.0,True,,,",
        "day.2": "4,,PL,target,0,0.0,,,,,,,False,data.observed,silent,silent; rate",
    }
    for name, row in rows.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "quality.csv").write_text(f"{HEAD}\n{row}\n", encoding="utf-8")
    ends = {"rate_hz": [0.1, None], "presence_ratio": [0.9, None]}
    quality = {"limits": ends, "notes": {"presence_ratio": "45 s are too few"}}
    limits = {"day1": {"quality": quality}, "day.2": {"animal": "rat"}}
    (tmp_path / "report.json").write_text(json.dumps({"recordings": limits}), encoding="utf-8")
    tables = quality_tables(tmp_path)
    assert list(tables["quality"].columns) == QUALITY
    by_name = tables["quality"].set_index("recording")
    assert by_name.loc["day1", "region"] == "NA"
    assert by_name.loc["day1", "name"] == "TT1_c3"
    assert (by_name.loc["day.2", "reason"], by_name.loc["day.2", "reasons"]) == ("silent", "silent; rate")
    assert by_name["kept"].to_dict() == {"day1": True, "day.2": False}
    assert tables["quality_limits"][["recording", "column", "low", "note"]].to_numpy().tolist() == [
        ["day1", "rate_hz", 0.1, ""],
        ["day1", "presence_ratio", 0.9, "45 s are too few"],
    ]


def test_nothing_written_is_nothing_shown(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"recordings": {}}', encoding="utf-8")
    tables = quality_tables(tmp_path)
    assert [list(t.columns) for t in tables.values()] == [QUALITY, LIMITS, FILTERS]
    assert all(t.empty for t in tables.values())
