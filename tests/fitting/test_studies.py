"""Unfinished studies that were damaged: set aside, named, and begun again, with the result of an undisturbed run."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from studies import small_config

from spikebridge.config import Config, TuneConfig
from spikebridge.fitting import studies as module
from spikebridge.fitting import tuning

Damage = Callable[[Path], object]
CONFIG = {"tune": {"n_trials": 3, "n_startup_trials": 1}, "models": {"ridge": {}}}


class KilledError(BaseException):
    pass


@pytest.fixture(scope="module")
def killed(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tuning that was killed in the last of its three studies."""
    root = tmp_path_factory.mktemp("killed")
    left, whole = [8], tuning.assess

    def dying(*arguments: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KilledError
        return whole(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "assess", dying)
        with pytest.raises(KilledError):
            tune(study, small_config(**CONFIG), root / "work", root / "out")
    tune(study, small_config(**CONFIG), root / "calm work", root / "calm")
    return root


def tune(study: Path, config: Config, work: Path, out: Path) -> None:
    tuning.tune(tuning.TuningSections.of(config), "ridge", study / "windows", study / "splits.json", work, out)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros_in_the_middle(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096 : len(raw) - 4096] = bytes(len(raw) - 8192)
    path.write_bytes(raw)


def without_settings(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("delete from trial_user_attributes")
        connection.commit()


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda p: cut(p) or cut(p) or cut(p),
        lambda p: p.write_bytes(b"\0" * 5000),
        lambda p: p.write_text("not a database"),
        zeros_in_the_middle,
        without_settings,
    ],
    ids=["cut", "cut to an eighth", "zeros", "text", "zeros in the middle", "settings"],
)
@pytest.mark.quick_cases(2)
def test_a_damaged_study_is_set_aside_and_begun_again(
    study: Path, killed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: Damage
) -> None:
    shutil.copytree(killed / "work", tmp_path / "work")
    (path,) = (tmp_path / "work").glob("*/fold_0.db")
    damage(path)
    spoilt = path.read_bytes()
    tune(study, small_config(**CONFIG), tmp_path / "work", tmp_path / "out")
    for name in ("best.json", "trials.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (killed / "calm" / name).read_bytes()
    aside = tmp_path / "work.damaged" / "fold_0.db"
    assert aside.read_bytes() == spoilt
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "damaged" in line]
    assert line.startswith(f"{path} is damaged (")
    assert line.endswith(f"moved to {aside}; this study begins again")
    assert not (tmp_path / "work").exists()


def test_an_empty_or_sound_study_is_not_set_aside(study: Path, killed: Path, tmp_path: Path) -> None:
    shutil.copytree(killed / "work", tmp_path / "work")
    (path,) = (tmp_path / "work").glob("*/full.db")
    path.write_bytes(b"")
    tune(study, small_config(**CONFIG), tmp_path / "work", tmp_path / "out")
    assert (tmp_path / "out" / "best.json").read_bytes() == (killed / "calm" / "best.json").read_bytes()
    assert not (tmp_path / "work.damaged").exists()


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    settings = TuneConfig()
    with module.opened(tmp_path / "a.db", "ridge", settings, tmp_path / "aside") as study:
        study.enqueue_trial({"x": 1.0})
    monkeypatch.setattr(optuna, "create_study", full)
    with (
        pytest.raises(sqlite3.OperationalError),
        module.opened(tmp_path / "a.db", "ridge", settings, tmp_path / "aside"),
    ):
        pass
    assert (tmp_path / "a.db").is_file() and not (tmp_path / "aside").exists()


def test_every_damaged_file_keeps_a_name(tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / "a.db").write_text(text)
        with module.opened(tmp_path / "a.db", "ridge", TuneConfig(), tmp_path / "aside") as study:
            assert module.finished(study) == []
    kept = {p.name: p.read_text() for p in (tmp_path / "aside").iterdir()}
    assert kept == {"a.db": "first", "a.db.1": "second"}
