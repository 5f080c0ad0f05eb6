"""A block on one thread: torch and linear algebra inside, and the number of threads from before after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fake_project
import numpy as np
import pytest
import torch
from fake_project import FakeTranslator
from threadpoolctl import threadpool_info, threadpool_limits

import spikebridge
from spikebridge import models
from spikebridge.runtime.threads import single_thread
from spikebridge.types import Predictions, Windows


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits(limits=2):
        torch.set_num_threads(2)
        yield
    torch.set_num_threads(before)


def pools() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()}


@pytest.mark.usefixtures("two_threads")
def test_the_number_of_threads_comes_back_even_after_an_error() -> None:
    before = pools()
    with pytest.raises(ZeroDivisionError), single_thread():
        assert torch.get_num_threads() == 1
        assert pools() == {1}
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2
    assert pools() == before


@pytest.mark.usefixtures("two_threads")
def test_a_loaded_model_predicts_on_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    class Watched(FakeTranslator):
        def predict(self, windows: Windows) -> Predictions:
            used.append(torch.get_num_threads())
            return super().predict(windows)

    project = fake_project.make(tmp_path / "p", trials=4)
    monkeypatch.setattr(models, "load", lambda folder: Watched())
    model = spikebridge.load(project / "runs/train/seq2seq/model")
    used.clear()
    model.predict(np.ones((1, fake_project.N_BINS, 5)))
    model.predict_windows(fake_project.make_windows("rat1_day1", 5, 4, 3, np.random.default_rng(0)))
    assert used == [1, 1]
    assert torch.get_num_threads() == 2
