"""The page of `dvc plots`: what is in it, and one line where it cannot be made. tests/test_dvc_views.py opens it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import dvc_plots_page
from spikebridge.errors import SpikebridgeError
from spikebridge.runtime import plots_page


def test_page_holds_the_library_its_licence_and_what_dvc_replaces() -> None:
    pytest.importorskip("vl_convert", reason="needs vl-convert-python, which carries the plotting library")
    text = plots_page.page()
    assert [text.count(words) for words in plots_page.PLACES] == [1, 1, 0]
    assert "Redistribution and use in source and binary forms" in text
    assert "https://" not in text.split("(() => {")[0], "nothing is loaded from a server"
    assert "<script src" not in text and "<link" not in text


def test_without_the_library_the_script_prints_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert dvc_plots_page.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "no page for `dvc plots` without a network: the page needs vl-convert-python: "
        'pip install "spikebridge[plots]"\n'
    )
    assert list((tmp_path / ".dvc").iterdir()) == []


def test_a_library_that_would_end_the_page_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(javascript_bundle=lambda snippet: "'</script>'", __spec__=None)
    monkeypatch.setitem(sys.modules, "vl_convert", stand_in)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(plots_page.importlib.metadata, "distribution", lambda name: SimpleNamespace(version="9"))
    with pytest.raises(SpikebridgeError, match="vl-convert-python 9: its library cannot stand inside a page"):
        plots_page.page()


def test_a_folder_without_dvc_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpikebridgeError, match=r"expected a DVC project, got a folder without \.dvc"):
        plots_page.write(tmp_path)
