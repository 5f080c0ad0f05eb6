"""Random streams: one for every purpose, the same whenever asked for."""

from __future__ import annotations

from spikebridge.runtime.seeds import random_generator


def test_streams_of_different_purposes_and_seeds_differ() -> None:
    first, second = random_generator(1, "fit", "dnn", 1), random_generator(1, "fit", "dnn", 2)
    assert first.integers(2**62) != second.integers(2**62)
    assert random_generator(1, "x").integers(2**62) == random_generator(1, "x").integers(2**62)
    assert random_generator(9, "x").integers(2**62) != random_generator(1, "x").integers(2**62)
