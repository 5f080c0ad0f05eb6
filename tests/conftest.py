"""What every test may use: simulated recordings cut into windows, and a guard of the global random state."""

from __future__ import annotations

import contextlib
import gc
import sys
import warnings
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from line_coverage import MEASURED, coverage_table, measured_coverage, too_low
from project import shared_recordings
from studies import simulated_windows, small_config

from spikebridge.artifacts.splits import save_splits
from spikebridge.artifacts.windows import save_windows
from spikebridge.io import child_process
from spikebridge.runtime.memory import collect_rarely
from spikebridge.splits import make_splits
from spikebridge.types import Windows

with contextlib.suppress(ImportError):  # comes with the extra nemos; its import alone moves numpy's global random state
    import jax  # noqa: F401


gc.disable()  # until all tests are collected: what is loaded and collected stays to the end
hypothesis.settings.register_profile("any_machine")  # a busy machine is no defect
hypothesis.settings.load_profile("any_machine")

LONGEST_FIRST = (
    "test_end_to_end_hard.py", "test_end_to_end.py", "test_fan_out_pipeline.py", "docs/test_site.py",
    "notebook/test_fit.py", "io/test_hostile.py", "projects/test_wheel.py", "calibration/test_run.py",
    "sweep/test_resume.py", "test_versioned_data.py", "tracking/test_tampering.py", "benchmarks/test_lfads.py",
    "report/test_in_browser.py", "test_campaign.py", "figures/test_figures.py", "benchmarks/test_quality.py",
    "test_repository.py", "tracking/test_registered_models.py", "runtime/test_dask_engine.py",
    "fitting/test_tuning_on_dask.py", "shared_store/test_publish.py", "shared_store/test_compose.py",
    "shared_store/test_writers.py", "runtime/test_slurm.py", "fan_out/test_together.py",
)  # fmt: skip
"""Files that last half a minute or more: a worker that meets one of them last would end long after the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first; all others stay in their order."""
    mark_slow_cases(items)
    rank = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.hookimpl(trylast=True)  # after slipcover, which adds up what its workers counted
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run of `make check` whose tests leave too many lines or branches out is a failed run."""
    session.config.stash[MEASURED] = measured = measured_coverage()
    if measured and too_low(measured) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what no test has run, above the last lines of pytest."""
    if measured := config.stash.get(MEASURED, None):
        terminalreporter.section("coverage")
        terminalreporter.write(coverage_table(measured))


def mark_slow_cases(items: list[pytest.Item]) -> None:
    """Mark as slow all but n cases of a test that is marked quick_cases(n); the n are chosen evenly."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("quick_cases"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in tests.values():
        (n,) = cases[0].get_closest_marker("quick_cases").args
        quick = {round(k * len(cases) / n) for k in range(n)}
        for number, item in enumerate(cases):
            if number not in quick:
                item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end, so that the many collections of garbage need not go through it."""
    gc.collect()
    gc.freeze()
    collect_rarely()
    gc.enable()


@pytest.fixture(scope="session")
def windows() -> list[Windows]:
    """Two small simulated recordings of 40 trials."""
    return simulated_windows(small_config())


@pytest.fixture(scope="session")
def halves(windows: list[Windows]) -> tuple[list[Windows], list[Windows]]:
    """The first and the last part of `windows`, well apart."""
    cut = [int(0.7 * len(w)) for w in windows]
    first = [w.select(np.arange(c - 3)) for w, c in zip(windows, cut, strict=True)]
    return first, [w.select(np.arange(c, len(w))) for w, c in zip(windows, cut, strict=True)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, windows: list[Windows]) -> Path:
    """A folder with windows and splits of a small study."""
    root = tmp_path_factory.mktemp("study")
    (root / "windows").mkdir()
    for w in windows:
        save_windows(w, root / "windows")
    save_splits(make_splits(windows, small_config().split), root / "splits.json")
    return root


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """Four recordings of Steinmetz et al. 2019, where they lie beside the checkout."""
    folder = shared_recordings()
    if not folder.is_dir():
        pytest.skip("no real recordings: set SPIKEBRIDGE_SHARED to a folder that holds data/recordings")
    return folder


@pytest.fixture(autouse=True)
def _no_global_randomness() -> Any:
    """No test, and nothing that it calls, may move numpy's global random state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert np.array_equal(before, np.random.get_state()[1]), "numpy's global random state was used"  # noqa: NPY002


@pytest.fixture(autouse=True)
def _no_changed_number_of_threads() -> Any:
    """No test may leave torch with another number of threads: a process forked later would wait for ever.

    Threads of OpenMP do not exist in a forked process. With one thread, which `make` asks for, none is needed. Every
    test starts with one, whatever a fixture of a wider scope has left.
    """
    before = torch_threads()
    if before not in (None, 1):
        sys.modules["torch"].set_num_threads(1)
        before = 1
    yield
    after = torch_threads()
    assert before is None or after == before, f"torch had {before} threads before this test and has {after} now"


def torch_threads() -> int | None:
    """How many threads torch uses; None where it is not loaded."""
    torch = sys.modules.get("torch")
    return None if torch is None or not hasattr(torch, "get_num_threads") else torch.get_num_threads()


@pytest.fixture(autouse=True)
def _read_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are read here, as where there is no fork: a child for each of thousands of small files costs minutes.

    Tests that are about the child process are marked `child_process`; the tests of whole pipelines have it too.
    """
    if not request.node.get_closest_marker("child_process"):
        monkeypatch.setattr(child_process, "FORKS", False)
