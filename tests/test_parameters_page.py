"""docs/parameters.md, the reference of params.yaml, is what the configuration says."""

from __future__ import annotations

import re

import pytest
import yaml
from project import ROOT
from pydantic import Field

import parameters_page
from spikebridge.config import Config
from spikebridge.config.base import Section


def test_the_page_is_that_of_the_configuration() -> None:
    assert parameters_page.PAGE.read_text(encoding="utf-8") == parameters_page.page()


def test_every_key_of_the_shipped_file_is_on_it() -> None:
    text = parameters_page.page()
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    keys = {f"{section}.{key}" for section, values in params.items()
            if isinstance(values, dict) and section != "models" for key in values}  # fmt: skip
    assert keys <= set(re.findall(r"^\| `([\w.]+)`", text, re.MULTILINE))
    assert all(f"### models.{name}" in text for name in ("seq2seq", "ridge", "random_forest", "dnn"))


def test_a_default_is_shown_as_the_file_writes_it() -> None:
    text = parameters_page.page()
    assert f"| `statistics.alpha` | float | `{Config.model_fields['statistics'].default.alpha}` |" in text
    assert "| `data.path` | str | required |" in text
    assert "| `max_features` | `0.1` | 0.02 to 0.5, on a log scale |" in text


def test_a_key_without_a_description_is_named() -> None:
    class Undescribed(Section):
        """A section.

        Parameters
        ----------
        known : int
            A key.
        """

        known: int = 1
        forgotten: int = Field(2, ge=0)

    with pytest.raises(SystemExit, match=r"x\.forgotten is not described in the docstring of Undescribed"):
        list(parameters_page.rows(Undescribed, "x."))
