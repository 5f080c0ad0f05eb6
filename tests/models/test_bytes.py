"""The same fit writes the same bytes, in whichever process and at whatever time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from studies import every_model

from spikebridge import models

pytestmark = pytest.mark.slow

FIT = """
import sys
from pathlib import Path
import numpy as np
from studies import simulated_windows, small_config
from spikebridge import models
quick = {"seq2seq": {"max_epochs": 1, "hidden_size": 8, "n_readout_trees": 10},
         "seq2seq_label_direction": {"max_epochs": 1, "hidden_size": 8, "n_readout_trees": 10},
         "random_forest": {"n_estimators": 10}, "gradient_boosting": {"n_estimators": 10}, "dnn": {"max_epochs": 2},
         "cebra": {"max_iterations": 5}}
windows = simulated_windows(small_config())
for name in models.names():
    if not models.get_class(name).missing_package():
        model = models.create(name, quick.get(name))
        model.fit(windows, [], np.random.default_rng(0))
        model.save(Path(sys.argv[1]) / name)
"""


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders with every model, fitted by two processes whose hashes of strings differ."""
    root = tmp_path_factory.mktemp("twice")
    for number in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parents[1] / "support"), *sys.path])
        environment = os.environ | {"PYTHONHASHSEED": number, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-c", FIT, str(root / number)], env=environment, check=True, timeout=300)
    return [root / "1", root / "2"]


@pytest.mark.parametrize("name", every_model())
def test_two_processes_write_the_same_bytes(twice: list[Path], name: str) -> None:
    first, second = (
        {p.relative_to(root / name).as_posix(): p.read_bytes() for p in (root / name).rglob("*")} for root in twice
    )
    assert {"model.json", "manifest.json"} < set(first)
    assert first == second


def test_every_model_that_is_installed_was_fitted(twice: list[Path]) -> None:
    installed = {n for n in models.names() if not models.get_class(n).missing_package()}
    assert {p.name for p in twice[0].iterdir()} == installed
