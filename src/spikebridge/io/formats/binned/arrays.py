"""Arrays of a .npz, HDF5 or MATLAB file by name. Pickled objects are never loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from spikebridge.errors import DataError
from spikebridge.io.formats.containers import HDF5_SIGNATURE, npy_header, walk_hdf5
from spikebridge.io.formats.log import error_summary
from spikebridge.io.formats.mat import is_mat, mat_arrays
from spikebridge.io.limits import check_bytes, check_members

OTHER_READERS = (".nwb", ".mat")
CHECKED_VALUES = 4096
"""Values of an array of floating point numbers that are looked at before it is taken for counts."""


@dataclass(frozen=True)
class ArrayHeader:
    """Name, shape and type of an array, read before its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_cube(self) -> bool:
        """Numbers in three dimensions, none of them empty."""
        return len(self.shape) == 3 and self.dtype.kind in "biuf" and min(self.shape) > 0


def is_npz(path: Path) -> bool:
    """A zip archive that holds nothing but arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    if not names or not all(n.endswith(".npy") for n in names):
        return False
    check_members(len(names), str(path), "arrays")
    return True


def is_plain_hdf5(path: Path) -> bool:
    """HDF5 that is neither NWB nor MATLAB v7.3 nor of temporaldata."""
    try:
        with path.open("rb") as handle:
            if handle.read(8) != HDF5_SIGNATURE or path.suffix.lower() in OTHER_READERS:
                return False
        import h5py

        with h5py.File(path, "r") as file:
            other = "nwb_version" in file.attrs or file.attrs.get("object") in ("Data", b"Data")
            return not other and not any("MATLAB_class" in v.attrs for v in file.values())
    except Exception:  # h5py raises anything from OSError to RuntimeError on a broken file
        return False


def array_headers(path: Path) -> dict[str, ArrayHeader]:
    """Read shape and class of every array of a file.

    Parameters
    ----------
    path : Path
        A .npz, HDF5 or MATLAB file.

    Returns
    -------
    dict[str, ArrayHeader]
        Name of the array, with "/" between groups -> its header.

    Raises
    ------
    DataError
        Where the file cannot be read.
    """
    if is_mat(path):
        return {n: ArrayHeader(tuple(a.shape), a.dtype) for n, a in mat_arrays(path, values=False).items()}
    try:
        return dict(_npz_headers(path) if is_npz(path) else hdf5_headers(path))
    except DataError:
        raise
    except Exception as error:  # as above; numpy and zipfile add their own
        raise DataError.of(
            "binned-file-not-read", path, f"cannot be read as .npz or HDF5 ({error_summary(error)})"
        ) from error


def load_array(path: Path, name: str) -> NDArray[Any]:
    """Read one array.

    Parameters
    ----------
    path : Path
        A .npz, HDF5 or MATLAB file.
    name : str
        Name of the array, as in `array_headers`.

    Returns
    -------
    NDArray
        Its values; bytes and text of variable length as str.

    Raises
    ------
    DataError
        Where it holds Python objects, which would have to be unpickled, or cannot be read.
    """
    if is_mat(path):
        return mat_arrays(path, names=frozenset({name.split("/")[0]}))[name]
    held = array_headers(path).get(name)
    if held is not None:
        if held.dtype.hasobject and is_npz(path):
            raise DataError.of(
                "binned-array-pickled",
                path,
                f"{name} holds Python objects (a pickle), never loaded, since that can run any program: "
                f"save it as numbers or text, np.array({name}, dtype=str)",
            )
        check_bytes(prod(held.shape) * held.dtype.itemsize, path.stat().st_size, f"{path}: {name}")
    try:
        if is_npz(path):
            with np.load(path, allow_pickle=False) as arrays:
                values = np.asarray(arrays[name])
        else:
            values = _hdf5_values(path, name)
    except Exception as error:
        raise DataError.of("binned-array-not-read", path, f"{name} cannot be read ({error_summary(error)})") from error
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def axes_attribute(path: Path, name: str) -> tuple[Any, ...]:
    """The order of the axes that an HDF5 array says in its attribute `axes` ("trial, bin, unit"); else empty."""
    if is_npz(path) or is_mat(path):
        return ()
    import h5py

    with h5py.File(path, "r") as file:
        text = file[name].attrs.get("axes", "")
    words = tuple(word.strip() for word in text.split(",")) if isinstance(text, str) else ()
    return words if sorted(words) == sorted(("trial", "bin", "unit")) else ()


def written_by_matlab(path: Path) -> bool:
    """Whether a file looks as h5create and h5write leave it: single numbers and lists have two dimensions there.

    Not a .mat file, whose axes are read in MATLAB's own order.
    """
    return (
        not is_npz(path)
        and not is_mat(path)
        and any(len(h.shape) == 2 and min(h.shape) == 1 for h in array_headers(path).values())
    )


def looks_like_counts(path: Path, name: str, header: ArrayHeader) -> bool:
    """Whether the first values of a cube are whole and not negative; NaN passes, so that it gets its own error."""
    if not header.is_cube:
        return False
    if header.dtype.kind in "biu":
        return True
    values = _first_values(path, name)
    values = values[~np.isnan(values)]
    return bool((values >= 0).all() and (values == np.floor(values)).all())


def _npz_headers(path: Path) -> Iterator[tuple[str, ArrayHeader]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as handle:
                yield member.removesuffix(".npy"), ArrayHeader(*npy_header(cast(BinaryIO, handle)))


def hdf5_headers(path: Path) -> Iterator[tuple[str, ArrayHeader]]:
    import h5py

    with h5py.File(path, "r") as file:
        for name, _, thing in walk_hdf5(file):
            if isinstance(thing, h5py.Dataset) and thing.shape is not None:
                yield name, ArrayHeader(tuple(thing.shape), thing.dtype)


def _hdf5_values(path: Path, name: str) -> NDArray[Any]:
    import h5py

    with h5py.File(path, "r") as file:
        dataset = file[name]
        if h5py.check_string_dtype(dataset.dtype):
            return np.asarray(dataset.asstr()[()], dtype=np.str_)
        return np.asarray(dataset[()])


def _first_values(path: Path, name: str) -> NDArray[np.float64]:
    if is_mat(path):
        return load_array(path, name).ravel(order="F")[:CHECKED_VALUES].astype(np.float64)
    if is_npz(path):
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as handle:
            header = ArrayHeader(*npy_header(cast(BinaryIO, handle)))
            raw = handle.read(CHECKED_VALUES * header.dtype.itemsize)
            return np.frombuffer(raw[: len(raw) // header.dtype.itemsize * header.dtype.itemsize], header.dtype).astype(
                np.float64
            )
    import h5py

    with h5py.File(path, "r") as file:
        return np.asarray(file[name][0], dtype=np.float64).ravel()[:CHECKED_VALUES]
