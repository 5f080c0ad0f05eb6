"""Neurodata Without Borders (NWB 2, HDF5), by pynwb.

The name of a recording is the stem of its file; its animal is `subject.subject_id`, or "unknown". Only what
`spikebridge.io.contents.Contents` has a place for is read: no raw voltage, image or waveform. Links into other files
are followed; where such a file is missing, that is an error, but for raw data, which are not read anyway.
"""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import Any

from spikebridge.errors import DataError
from spikebridge.errors.findings import Finding
from spikebridge.errors.messages import listed
from spikebridge.io.contents import Contents
from spikebridge.io.formats import raise_errors
from spikebridge.io.formats.nwb import NWBOptions, contents_of, nwb_file, open_hdf5
from spikebridge.io.formats.nwb.columns import NwbLog, nwb_error_summary
from spikebridge.io.formats.nwb.extensions import manager_with_missing_types
from spikebridge.io.formats.nwb.hdf5 import Link, blocked_links, check_version, find_links
from spikebridge.types import Recording

FORMAT = "NWB (HDF5)"
LIBRARIES = ("h5py", "pynwb")
Options = NWBOptions
SPARE = ("acquisition/", "analysis/", "processing/", "scratch/", "stimulus/")
"""Groups whose objects a file can do without, unless they are units or trials."""


def can_read(path: Path) -> bool:
    """By name, or another HDF5 file that says which version of NWB it is."""
    suffix = path.suffix.lower()
    with contextlib.suppress(Exception):  # h5py raises anything on a broken file
        return path.is_file() and (suffix == ".nwb" or (suffix in (".h5", ".hdf5") and _says_nwb(path)))
    return False


def _says_nwb(path: Path) -> bool:
    import h5py

    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as handle:
        return "nwb_version" in handle.attrs


def read(path: Path, options: NWBOptions) -> Contents:
    """Read one file. Raises DataError where it is no NWB file or lacks units or spikes, with everything wrong."""
    links: list[Link] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")  # cached namespaces, deprecated fields: nothing a user can act on
        with contextlib.suppress(ImportError):
            import hdf5plugin  # noqa: F401  # registers filters other than gzip, for those who have it
        try:
            with contextlib.ExitStack() as stack:
                handle = stack.enter_context(open_hdf5(path))
                check_version(handle, path)
                links += find_links(handle)
                log = _log_of(links, path)
                stack.enter_context(blocked_links(links))
                nwb = _nwb_of(handle, stack)
                log.errors.extend(_broken_beyond(caught, log))
                return contents_of(nwb, path.stem, path, options, log)
        except DataError:
            raise
        except Exception as error:  # pynwb, hdmf and h5py raise anything from OSError to TypeError on a broken file
            raise _not_read(path, error, links) from error


def write(recording: Recording, folder: Path) -> Path:
    """Write a recording as NWB: units, spikes, observed time, trials, behaviour and animal."""
    from pynwb import NWBHDF5IO

    path = Path(folder) / f"{recording.name}.nwb"
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on best practices
        with NWBHDF5IO(str(path), "w") as io:
            io.write(nwb_file(recording))
    return path


def files_of(path: Path) -> list[Path]:
    """The file and those that its links lead to."""
    try:
        with open_hdf5(path) as handle:
            return sorted(
                {path, *(k.file for k in find_links(handle) if k.file is not None and not k.why and k.file.is_file())}
            )
    except Exception:  # a broken file has no links to follow
        return [path]


def _not_read(path: Path, error: Exception, links: list[Link]) -> DataError:
    """The error for a file that HDF5 or pynwb stumbles over. pynwb gives a link the name of its target."""
    message = nwb_error_summary(error)
    if isinstance(error, (OSError, RuntimeError, SystemError, UnicodeDecodeError)) and "hdf5plugin" not in message:
        text = f"is damaged inside; copy or download it again ({message})"
        return DataError.of("nwb-damaged-inside", path, text)
    pairs = [(k, {Path(k.where).name, Path(k.target).name}) for k in links]
    odd = [k for k, names in pairs if len(names) == 2 and any(f"'{name}'" in message for name in names)]
    names = listed((f"{k.where} -> {k.target}" for k in odd), 5)
    if odd:
        text = f"cannot be read as NWB ({message}); a link must be called like its target: {names}"
        return DataError.of("nwb-link-renamed", path, text)
    at = message.partition(": ")[0].removeprefix("root/")
    spare = at.startswith(SPARE) and message.startswith("root/")
    remedy = f"; correct it, or delete it from a copy of the file: with h5py, del file[{at!r}]" if spare else ""
    return DataError.of("nwb-not-read", path, f"cannot be read as NWB ({message}){remedy}")


def _log_of(links: list[Link], path: Path) -> NwbLog:
    """A log that knows the broken links of raw data. Raises DataError where another link leads nowhere."""
    broken = [link for link in links if not link.exists]
    wrong = [Finding.error("nwb-link-to-nothing", link.where, str(link)) for link in broken if link.is_needed]
    if wrong:
        raise_errors(path, wrong)
    notes = [Finding.warning("broken-link", link.where, f"{link}; left out") for link in broken]
    return NwbLog(notes=notes, lost={link.where for link in broken})


def _broken_beyond(caught: list[warnings.WarningMessage], log: NwbLog) -> list[Finding]:
    """Links in linked files that lead nowhere: pynwb only warns of them."""
    places = [str(w.message).rpartition(" ")[2] for w in caught if w.category.__name__ == "BrokenLinkWarning"]
    return [
        Finding.error(
            "nwb-link-in-linked-file", at, f"{at}, in a file that this one links to, is a link that leads nowhere"
        )
        for at in places
        if at not in log.lost
    ]


def _nwb_of(handle: Any, stack: contextlib.ExitStack) -> Any:
    """pynwb's object of the file, by the namespaces that it brings along."""
    from hdmf.backends.warnings import BrokenLinkWarning
    from pynwb import NWBHDF5IO  # a second to import: only where a file is read

    warnings.simplefilter("always", BrokenLinkWarning)
    try:
        return stack.enter_context(NWBHDF5IO(file=handle, mode="r", load_namespaces=True)).read()
    except KeyError as error:
        if "not a namespace" not in str(error):
            raise
    return stack.enter_context(NWBHDF5IO(file=handle, mode="r", manager=manager_with_missing_types(handle))).read()
