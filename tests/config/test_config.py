"""params.yaml: what it says, and what a user is told who mistypes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikebridge import config, models
from spikebridge.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = "data: {path: d, source: [HC], target: [PFC]}\nmodels: {majority: {}}\n"


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *sorted((ROOT / "examples").glob("*/params.yaml"))])
def test_shipped_parameters_are_valid(path: Path) -> None:
    settings = config.load(path)
    models.check_section(settings.models)
    assert {"seq2seq", "random_forest", "dnn", "majority", "ridge"} <= set(settings.models)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_defaults(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, MINIMAL))
    assert settings.trials.window_s == (-2.0, 0.0)
    assert settings.split.gap_s == "auto"
    assert settings.statistics.alpha == 0.05


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + "bin: {width_s: 0.1}\n", r"unknown key bin, did you mean bins\?"),
        (MINIMAL + "bins: {width: 0.1}\n", r"unknown key bins.width, did you mean width_s\?"),
        (MINIMAL + "tune: {zzz: 1}\n", r"unknown key tune.zzz; known: n_trials, n_startup_trials, max_epochs"),
        ("models: {}\n", "data is missing"),
        (MINIMAL + "statistics: {alpha: 2}\n", r"statistics.alpha: .*less than 1, got 2"),
        (MINIMAL + "bins: {width_s: fast}\n", r"bins.width_s: .*got 'fast'"),
        (MINIMAL + "bins: {width_s: 1x-3e}\n", r"write numbers with a point, 1.0e-3"),
        (
            MINIMAL + "trials: {window_s: [0, -2]}\n",
            r"trials: window_s must go from earlier to later, got \[0.0, -2.0\]",
        ),
        (MINIMAL + "bins: {width_s: 5.0}\n", r"bins.width_s = 5.0 is wider than the window of 2 s"),
        (
            MINIMAL + "statistics: {condition: offer}\n",
            r"condition: expected .*covariates \[\], got 'offer'",
        ),
        (MINIMAL.replace("[PFC]", "[HC]"), r"must not share regions, both name \['HC'\]"),
        (MINIMAL + "bins: {width_s: 5.0}\nbin: 3\n", "unknown key bin"),
        (MINIMAL + "analysis: {states: {}}\n", "states: expected 1 to 8 states, or null for none, got 0"),
        (MINIMAL + "analysis: {states: {x: {}}}\n", r"analysis.states.x: expected intervals \(a table\), where"),
        (MINIMAL + "analysis: {states: {x: {rows: a > 1, where: b > 1}}}\n", "rows chooses rows of the table of"),
        (
            MINIMAL + "analysis: {states: {x: {wher: a > 1}}}\n",
            r"unknown key .*x.wher, did you mean where\?",
        ),
        (MINIMAL + "analysis: {states: {x: {zz: 1}}}\n", "analysis.states.x.zz; known: intervals, rows, where"),
        (MINIMAL + "analysis: {states: {on: {where: a > 1}}}\n", "put the names of states in quotes"),
        (MINIMAL + "analysis: {states: {' x': {where: a > 1}}}\n", "names of states of 1 to 40 characters without"),
        ("- a\n- b\n", "expected sections such as data: and models:, got list"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        config.load(write(tmp_path, text))
    assert "params.yaml" in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such parameter file"):
        config.load(tmp_path / "params.yaml")


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key bin.*unknown key sede"):
        config.load(write(tmp_path, MINIMAL + "bin: 1\nsede: 2\n"))


def test_the_other_direction_exchanges_source_and_target(tmp_path: Path) -> None:
    forward = config.load(write(tmp_path, MINIMAL))
    back = config.load(write(tmp_path, MINIMAL.replace("[PFC]}", "[PFC], direction: target_to_source}")))
    assert (back.data.source, back.data.target) == (forward.data.target, forward.data.source) == (["PFC"], ["HC"])
    assert config.parse(back.model_dump()) == back  # a copy of the settings is not turned again
    with pytest.raises(ConfigError, match=r"data.direction: expected 'source_to_target' or 'target_to_source'"):
        config.load(write(tmp_path, MINIMAL.replace("[PFC]}", "[PFC], direction: back}")))
