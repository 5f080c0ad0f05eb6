"""Named arrays on disk in the safetensors format: loading executes nothing, and what is loaded is checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError

Shape = tuple[int, ...]
Expected = Mapping[str, tuple[str, Shape]]
"""Name -> dtype and shape of each array that a file must hold."""


def save_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write {name: array}."""
    from safetensors.numpy import save_file

    save_file({name: np.asarray(a, order="C") for name, a in arrays.items()}, str(path))


def load_arrays(path: Path, expected: Expected | None = None) -> dict[str, NDArray[Any]]:
    """Read what `save_arrays` wrote.

    Raises DataError that names the file where it cannot be read, where a number is not finite, or where its arrays are
    not those expected. expected: None where the caller checks them with `check_arrays`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = dict(load_file(str(path)))
    except FileNotFoundError:
        raise DataError(f"{path}: expected arrays in the safetensors format, found no such file") from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as safetensors: {reason[:200]}") from None
    for name, a in arrays.items():
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            raise DataError(f"{path}: expected finite numbers in {name[:80]!r}, got {a[~np.isfinite(a)].flat[0]}")
    if expected is not None:
        check_arrays(path, arrays, expected)
    return arrays


def check_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], expected: Expected) -> None:
    """Raises DataError that names the first array that is missing, not expected, or of another dtype or shape."""
    if missing := sorted(expected.keys() - arrays.keys()):
        raise DataError(f"{path}: lacks the array {missing[0]!r}")
    if strange := sorted(arrays.keys() - expected.keys()):
        raise DataError(f"{path}: holds an array that the model does not have: {strange[0][:80]!r}")
    for name, (dtype, shape) in expected.items():
        a = arrays[name]
        if a.dtype != np.dtype(dtype) or a.shape != shape:
            raise DataError(f"{path}: expected {name!r} as {dtype} {shape}, got {a.dtype} {a.shape}")


def with_prefix(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def float64_arrays(**shapes: Shape) -> dict[str, tuple[str, Shape]]:
    """Expected arrays of float64."""
    return {name: ("float64", shape) for name, shape in shapes.items()}


def check_positive(path: Path, arrays: Mapping[str, NDArray[Any]], *names: str) -> None:
    """Raises DataError where one of these arrays has a number that is not greater than zero."""
    for name in names:
        if not (arrays[name] > 0).all():
            raise DataError(f"{path}: expected numbers greater than zero in {name!r}, got {arrays[name].min()}")


@contextmanager
def shapes_only(path: Path) -> Iterator[None]:
    """Torch modules that are made inside have shapes and no memory, so that a file can be compared with the settings.

    Raises DataError where the settings ask for a size that no file can have.
    """
    import torch

    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tensors without an element
            yield
    except (RuntimeError, OverflowError, ValueError, TypeError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: the settings in model.json do not describe a network: {reason[:200]}") from None


def module_arrays(module: Any, prefix: str = "") -> dict[str, tuple[str, Shape]]:
    """Expected arrays of a torch module's state."""
    return {
        f"{prefix}{name}": (str(t.dtype).removeprefix("torch."), tuple(t.shape))
        for name, t in module.state_dict().items()
    }
