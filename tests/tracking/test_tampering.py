"""Models that somebody tampered with: refused in one line, nothing executed, no process that dies or hangs."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import fake_project
import numpy as np
import pytest
import tampering_outcomes
from fake_project import settings
from tampered_contents import Case
from tampering import plausible, tampered_models
from tampering_outcomes import Outcome

import spikebridge
from spikebridge import models, tracking

pytestmark = pytest.mark.slow

SMALL = {
    "random_forest": {"n_estimators": 5},
    "seq2seq": {"max_epochs": 1, "hidden_size": 8, "n_readout_trees": 10},
    "seq2seq_label_direction": {"max_epochs": 1, "hidden_size": 8, "n_readout_trees": 10},
    "dnn": {"max_epochs": 1},
    "gradient_boosting": {"n_estimators": 5},
}
KINDS = (
    "random_forest", "seq2seq", "seq2seq_label_direction", "dnn", "gradient_boosting", "logistic", "majority", "ridge",
    "poisson_glm", "psth",
)  # fmt: skip
CASES_A_KIND = 40
"""Of hundreds, evenly chosen; a campaign takes them all: see `tampering.tampered_models`."""


def some(cases: list[Case], number: int) -> list[Case]:
    return [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, number).round().astype(int))]


def assert_refused(outcomes: list[Outcome]) -> None:
    """One clear line each; only what could be a true model may load."""
    loaded = [o for o in outcomes if o.kind == "loaded" and not plausible(o.name)]
    other = [o for o in outcomes if o.kind not in {"refused", "loaded"}]
    unclear = [o for o in outcomes if o.kind == "refused" and ("\n" in o.message or not o.message.strip())]
    assert not loaded + other + unclear, Counter(o.kind for o in outcomes)


def saved(kind: str, folder: Path) -> Path:
    rng = np.random.default_rng(0)
    windows = [fake_project.make_windows(name, *units, 12, rng) for name, units in fake_project.UNITS.items()]
    model = models.create(kind, SMALL.get(kind))
    model.fit(windows, [], np.random.default_rng(0))
    model.save(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_is_checked_before_it_is_used(kind: str, tmp_path: Path) -> None:
    cases = tampered_models(saved(kind, tmp_path / "model"))
    assert len(cases) >= 116
    assert len({name for name, _ in cases}) == len(cases)
    assert_refused(tampering_outcomes.outcomes(tmp_path / "model", tmp_path, some(cases, CASES_A_KIND)))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    folder = fake_project.make(tmp_path_factory.mktemp("tampering") / "project", trials=24)
    (folder / "mlruns").mkdir()
    shutil.copy(template, folder / "mlruns/mlflow.db")
    (folder / "params.yaml").write_text("{}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        tracking.publish(settings(), folder)
    return folder


def registered(project: Path) -> Path:
    (script,) = (project / "mlruns/artifacts").rglob("served_script.py")
    return script.parent


def is_of(name: str, *words: str) -> bool:
    return any(word in name for word in words)


def test_what_mlflow_keeps_around_a_model_is_checked_too(project: Path, tmp_path: Path) -> None:
    """The folder of a registered model, as somebody downloads it: its script, MLmodel and planted files."""
    cases = tampered_models(registered(project))
    around = [c for c in cases if not c[0].startswith("artifacts/") and not is_of(c[0], "model.json")]
    assert {name for name, _ in around} >= {"folder: served_script.py replaced", "folder: MLmodel with a Python tag"}
    outcomes = tampering_outcomes.outcomes(registered(project), tmp_path, some(around, 80))
    assert_refused(outcomes)


def test_by_name_everything_is_refused_whoever_wrote_the_manifests_anew(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """reports/registration.json is not in the store: it tells a model that could be true from the one registered."""
    monkeypatch.chdir(project)
    good, root = registered(project), registered(project)
    cases = [c for c in tampered_models(good) if plausible(c[0])]
    assert len(cases) > 30
    kept = tmp_path / "kept"
    shutil.copytree(good, kept)

    def by_name(copy: Path) -> str:
        shutil.rmtree(root)
        shutil.copytree(copy, root, symlinks=True)
        return tampering_outcomes.used(spikebridge.load("models:/spikebridge@champion"))

    try:
        outcomes = tampering_outcomes.outcomes(kept, tmp_path, some(cases, 30), by_name)
    finally:
        shutil.rmtree(root)
        shutil.copytree(kept, root)
    assert {o.kind for o in outcomes} == {"refused"}, [o for o in outcomes if o.kind != "refused"]
    (message,) = {o.message.partition(": ")[2][:60] for o in outcomes if "served_script.py replaced" in o.name} or {""}
    assert not message or message.startswith("its files in the store are not those that were registered")
    assert spikebridge.load("models:/spikebridge@champion").name == "random_forest"
