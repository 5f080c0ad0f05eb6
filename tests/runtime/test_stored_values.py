"""Values of every kind that jobs return come back equal, of the same type, and without pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikebridge.artifacts.latents import FoldLatents
from spikebridge.artifacts.tuning import TunedFold
from spikebridge.runtime.stored_values import decode, encode


def again(value: Any) -> Any:
    arrays: list[Any] = []
    tree = json.loads(json.dumps(encode(value, arrays)))
    return decode(tree, dict(enumerate(arrays)))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text() | st.integers(), parts) | st.tuples(parts, parts),
    max_leaves=20,
)


@given(PLAIN)
def test_builtin_values(value: Any) -> None:
    made = again(value)
    assert made == value
    assert repr(made) == repr(value)  # 1 and 1.0, True and 1, (1,) and [1] are equal and not the same


@pytest.mark.parametrize("value", [np.float64(0.1) * 3, np.float32("nan"), np.int64(-3), np.bool_(True), np.str_("é")])
def test_scalars(value: Any) -> None:
    made = again(value)
    assert type(made) is type(value)
    np.testing.assert_array_equal(made, value)


def test_arrays_keep_their_order_in_memory() -> None:
    value = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    made = again([value, value[:, :0], value.T])
    np.testing.assert_array_equal(made[0], value)
    assert (made[0].flags.f_contiguous, made[0].dtype) == (True, np.float32)
    assert made[1].shape == (2, 0)
    assert made[2].flags.c_contiguous


TABLE = pd.DataFrame(
    {
        "recording": ["a", None, "b"],
        "n": np.array([1, 2, 3], np.uint8),
        "p": np.array([0.1, np.nan, np.inf], np.float32),
        "known": [True, False, True],
        "setting": pd.Series([1, "x", None], dtype=object),
    }
)


@pytest.mark.parametrize(
    "table",
    [TABLE, TABLE.set_index("recording"), TABLE.iloc[[2, 0]], TABLE.iloc[:0], TABLE[["n"]].set_axis([7], axis=1),
     pd.DataFrame()],
    ids=["whole", "named index", "chosen rows", "no rows", "number as name", "empty"],
)  # fmt: skip
def test_tables(table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        again(table), table, check_exact=True, check_index_type="exact", check_column_type="exact"
    )


def test_records() -> None:
    fold = TunedFold(1, {"penalty": 0.1, "kinds": ("a", 2)}, {"value": None}, training_intervals={"day": [[0.0, 1.5]]})
    latents = FoldLatents(np.arange(2), np.array([True, False]), np.zeros((2, 3, 1), np.float32))
    made = again({"fold": fold, "latents": latents})
    assert made["fold"] == fold
    np.testing.assert_array_equal(made["latents"].latents, latents.latents)


@dataclass(frozen=True)
class Foreign:
    number: int


@pytest.mark.parametrize(
    "value",
    [Foreign(1), Path("a"), {1, 2}, b"bytes", np.array([[None]]), np.array(["2026"], "datetime64[Y]"),
     pd.DataFrame({"a": pd.Categorical(["x"])}), TABLE.set_index(["n", "known"])],
    ids=["record", "path", "set", "bytes", "objects", "times", "categories", "levels"],
)  # fmt: skip
def test_what_cannot_come_back_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be stored"):
        again([value])


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", "spikebridge.runtime.stage:remove", "spikebridge.no:X"]
)
def test_a_file_names_records_of_the_package_alone(name: str) -> None:
    with pytest.raises((ValueError, ImportError)):
        decode({"record": name, "fields": {"command": "true"}}, {})
