"""Every null that lies in statistics/nulls: it says what it is and what it assumes, and its p is never 0."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from processes import chain

from spikebridge.statistics import nulls
from spikebridge.statistics.nulls import (
    NullResult,
    block_permutation,
    circular_shift,
    condition_shuffle,
    foreign_latents,
    linear_shift,
    pseudosession,
    session_permutation,
    time_shift,
    trial_shuffle,
)

PARTS = {"result", "label_memory"}
FILES = sorted(p.stem for p in Path(nulls.__file__).parent.glob("*.py") if p.stem not in {"__init__", *PARTS})
Rng = np.random.Generator


def pairs(strength: float) -> list[np.ndarray]:
    return [strength * np.eye(8) for _ in range(4)]


def label_null(rng: Rng, strength: float, name: str) -> NullResult:
    label = chain(rng, 60)
    drawn = {
        "pseudosession": lambda: pseudosession.fit(label, 2).draw(60, 99, rng),
        "block_permutation": lambda: block_permutation.permute_blocks(label, 10, 99, rng),
        "circular_shift": lambda: circular_shift.rotate(label, 99, rng),
    }[name]()
    scores = strength * (drawn == label).mean(axis=1)
    if name == "pseudosession":
        return pseudosession.pseudosession(strength, scores)
    if name == "block_permutation":
        return block_permutation.block_permutation(strength, scores, [6])
    return circular_shift.circular_shift(strength, scores, [60])


def shifts(strength: float) -> np.ndarray:
    return strength * (np.arange(41) == 20).astype(float)


RUN: dict[str, Callable[[Rng, float], NullResult]] = {
    "session_permutation": lambda rng, s: session_permutation.session_permutation(s * np.eye(6), rng, 99),
    "foreign_latents": lambda rng, s: foreign_latents.foreign_latents(s * np.eye(9), rng, 99),
    "linear_shift": lambda rng, s: linear_shift.linear_shift(shifts(s)),
    "time_shift": lambda rng, s: time_shift.time_shift(shifts(s)),
    "trial_shuffle": lambda rng, s: trial_shuffle.trial_shuffle(pairs(s), 8 * 4 * s, 9.0, rng, 99),
    "condition_shuffle": lambda rng, s: condition_shuffle.condition_shuffle(
        pairs(s), [np.arange(8) % 2] * 4, 8 * 4 * s, 9.0, rng, 99
    ),
    "pseudosession": lambda rng, s: label_null(rng, s, "pseudosession"),
    "block_permutation": lambda rng, s: label_null(rng, s, "block_permutation"),
    "circular_shift": lambda rng, s: label_null(rng, s, "circular_shift"),
}


def module(name: str) -> ModuleType:
    return import_module(f"{nulls.__name__}.{name}")


def test_every_file_is_run_here_and_offered() -> None:
    assert set(RUN) == set(FILES)
    assert set(FILES) <= set(nulls.__all__)


@pytest.mark.parametrize("name", FILES)
def test_it_says_what_it_assumes_and_how_it_fails(name: str) -> None:
    null_module = module(name)
    assert name == null_module.NAME
    assert null_module.ASSUMPTIONS
    doc = null_module.__doc__ or ""
    assert "Assumptions:" in doc
    assert any(word in doc for word in ("Fails", "fails", "Limit:", "are not:", "conservative"))
    assert any(str(year) in doc for year in range(1960, 2027)), "expected its paper"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_p_is_above_zero_and_at_most_one(name: str, strength: float, rng: Rng) -> None:
    result = RUN[name](rng, strength)
    assert 0 < result.smallest <= result.p <= 1
    assert result.p == 1 if strength == 0 else result.p <= 0.06
    assert np.isfinite(result.null).all()
    assert result.quantile(0.05) <= result.null_mean <= result.null_high or strength == 1
    assert result.quantile(0.05) <= result.quantile(0.5) <= result.null_high


def test_circular_shift_is_called_descriptive() -> None:
    assert circular_shift.ASSUMPTIONS.startswith("descriptive")
