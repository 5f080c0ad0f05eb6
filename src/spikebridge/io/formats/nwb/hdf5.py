"""Parts of the NWB reader: opening HDF5, saying in words why a file is none, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError
from spikebridge.errors.messages import listed
from spikebridge.io.formats.containers import walk_hdf5
from spikebridge.io.limits import check_file, reason_not_opened

FILE_KINDS = {
    b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "a gzip archive", b"%PDF": "a PDF", b"MATLAB 5.0": "a MATLAB file",
    b"PAR1": "a Parquet table", b"CDF\x01": "netCDF 3",
}  # fmt: skip
RAW_DATA_GROUPS = ("/acquisition/", "/stimulus/", "/processing/ecephys/")
"""Groups of raw data, which often lie in another file: a missing file is a note here, not an error."""


@dataclass(frozen=True)
class Link:
    """An object of the file that lies elsewhere. file: None where it is in the same file. why: the reason not to follow
    it.
    """

    where: str
    file: Path | None
    target: str
    exists: bool
    why: str = ""

    def __str__(self) -> str:
        if self.file is None and self.why:
            return f"{self.where} is a link that {self.why}"
        if self.why:
            return f"{self.where} lies in another file, {self.file}, which {self.why}"
        if self.file is None:
            return f"{self.where} is a link to {self.target}, which does not exist"
        if not self.file.is_file():
            return f"{self.where} lies in another file, {self.file}, which is missing: copy it along"
        return f"{self.where} lies in another file, {self.file}, which has no {self.target}"

    @property
    def is_needed(self) -> bool:
        return not self.where.startswith(RAW_DATA_GROUPS)


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    h5py.File
        The open file.

    Raises
    ------
    DataError
        Saying what the file is instead, or how it is damaged.
    """
    import h5py

    try:
        check_file(path)
        if not h5py.is_hdf5(path):
            raise _other_kind(path)
        return h5py.File(path, "r")
    except OSError as error:
        raise _open_error(path, error) from error


def _other_kind(path: Path) -> DataError:
    """The error for a file that is no HDF5: what it is instead."""
    with path.open("rb") as handle:
        head = handle.read(512)
    if not head:
        return DataError.of("file-empty", path, "is empty (0 bytes):", "copy or download it again")
    if not head.strip(b"\0"):
        text = "no HDF5 file: it begins with zeros, so its download or copy broke off;"
        return DataError.of("file-of-zeros", path, text, "copy it again")
    kind = next((name for begin, name in FILE_KINDS.items() if head.startswith(begin)), None)
    if kind:
        return DataError.of("file-of-another-kind", path, f"no HDF5 file: it is {kind}")
    words = head.decode("utf-8", errors="replace")
    if sum((c.isprintable() or c.isspace()) and c != "\ufffd" for c in words) < 0.9 * len(words):
        return DataError.of("file-of-unknown-bytes", path, "no HDF5 file: it begins with unknown bytes; is it damaged?")
    line = words.strip().splitlines()[0][:60] if words.strip() else ""
    text, small = f"no HDF5 file: it begins with the text {line!r}", line.lower()
    if "git-lfs" in small or "annex" in small or small.startswith("outs:"):
        remedy = "fetch the file itself (git lfs pull, datalad get, dvc pull)"
        return DataError.of("file-is-a-pointer", path, f"{text}: a pointer to the file;", remedy)
    if "<html" in small or "<!doctype" in small or "<?xml" in small:
        text += ": a web page, saved in the file's place;"
        return DataError.of("file-is-a-web-page", path, text, "download it again")
    return DataError.of("file-of-text", path, text)


def _open_error(path: Path, error: OSError) -> DataError:
    """The error for a file that h5py cannot open."""
    message = str(error)
    sizes = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", message)
    if sizes:
        text = f"is truncated: {int(sizes[1]):,} of {int(sizes[2]):,} bytes are here;"
        return DataError.of("hdf5-truncated", path, text, "copy or download it again")
    if "lock file" in message or "already open for" in message:
        text = "is open for writing in another program, or was not closed by the one that wrote it"
        return DataError.of("hdf5-open-elsewhere", path, text)
    if error.strerror and not message.startswith("Unable"):
        return DataError.of("hdf5-not-opened", path, f"cannot be opened: {error.strerror}")
    return DataError.of("hdf5-damaged", path, f"is a damaged HDF5 file; copy or download it again ({message})")


def check_version(handle: Any, path: Path) -> None:
    """Raises DataError where an HDF5 file is no NWB, or of the first version."""
    version = _version(handle)
    if not version:
        raise DataError.of(
            "hdf5-but-no-nwb", path, f"HDF5, but no NWB: it has no nwb_version; it holds {listed(sorted(handle), 10)}"
        )
    if not version.startswith("2"):
        raise DataError.of(
            "nwb-version-not-read",
            path,
            f"NWB {version.removeprefix('NWB-')}, expected NWB 2: convert it with the lab's tools first",
        )


def _version(handle: Any) -> str:
    version = handle.attrs.get("nwb_version")
    if version is None and "nwb_version" in handle and hasattr(handle["nwb_version"], "dtype"):  # NWB 1 has a dataset
        version = handle["nwb_version"][()]
    return version.decode("utf-8", "replace") if isinstance(version, bytes) else str(version or "")


def find_links(handle: Any) -> list[Link]:
    """Every soft and external link, and every array whose values lie in other files. Only allowed files are opened.

    Raises DataError where the file holds more objects, or deeper ones, than `limits` allows.
    """
    import h5py

    folder = Path(handle.filename).parent
    links: list[Link] = []
    soft: list[tuple[str, Any]] = []
    for name, link, thing in walk_hdf5(handle, skip=("specifications",)):  # the schema, a hundred small arrays of text
        where = f"/{name}"
        if isinstance(link, h5py.ExternalLink):
            file = _linked_file(folder, link.filename)
            why = reason_not_opened(file)
            links.append(Link(where, file, link.path, not why and _target_exists(handle, where), why))
        elif isinstance(link, h5py.SoftLink):
            soft.append((where, link))
        elif isinstance(thing, h5py.Dataset):
            for file in (_linked_file(folder, f) for f in _external_files(thing)):
                why = reason_not_opened(file)
                links.append(Link(where, file, file.name, not why and file.is_file(), why))
    barred = [link.where for link in links if link.why]
    for where, link in soft:
        through = next((b for b in barred if f"{link.path}/".startswith(f"{b}/")), "")
        why = f"leads through {through}, which is not opened" if through else ""
        links.append(Link(where, None, link.path, not why and _target_exists(handle, where), why))
    return links


@contextmanager
def blocked_links(links: Sequence[Link]) -> Iterator[None]:
    """While this lasts, h5py finds nothing at links that may not be followed: pynwb opens every link of a file."""
    import h5py

    if not any(link.why for link in links):
        yield
        return
    get = h5py.Group.__getitem__

    def checked(group: Any, name: Any) -> Any:
        if isinstance(name, str):
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                file = _linked_file(Path(group.file.filename).parent, link.filename)
                if why := reason_not_opened(file):
                    raise KeyError(f"{name} lies in {file}, which {why}")
            elif isinstance(link, h5py.SoftLink):
                at = link.path if link.path.startswith("/") else f"{group.name}/{link.path}"
                if any(f"{at}/".startswith(f"{k.where}/") for k in links if k.why and k.file is not None):
                    raise KeyError(name)
        return get(group, name)

    h5py.Group.__getitem__ = checked
    try:
        yield
    finally:
        h5py.Group.__getitem__ = get


def _target_exists(handle: Any, where: str) -> bool:
    try:
        return handle.get(where) is not None
    except (OSError, KeyError, RuntimeError):
        return False


def _external_files(dataset: Any) -> Iterator[str]:
    yield from (name for name, _, _ in dataset.external or ())
    if dataset.is_virtual:
        names = {source.file_name for source in dataset.virtual_sources()}
        yield from sorted(n for n in names if n != "." and "%" not in n)


def _linked_file(folder: Path, name: str) -> Path:
    """A file as HDF5 looks for it: as named, else beside the file that names it."""
    given = Path(name)
    return (
        given
        if given.is_absolute() and given.is_file()
        else folder / (given if not given.is_absolute() else given.name)
    )
