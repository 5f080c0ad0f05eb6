"""`spikebridge fetch`: lists the NWB files of a source, and writes compact copies of them into a folder."""
# ruff: noqa: T201  (a command line prints)

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spikebridge.cli.output import print_table
from spikebridge.errors import ConfigError
from spikebridge.errors.messages import counted

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def fetch(arguments: argparse.Namespace) -> None:
    """List, and unless only the list is asked for, fetch."""
    from spikebridge import remote

    if arguments.max_files is not None and arguments.max_files < 1:
        raise ConfigError(f"--max-files: expected at least 1, got {arguments.max_files}")
    client = remote.HttpClient()
    listing = remote.list_source(arguments.source, client, arguments.archive)
    chosen = remote.chosen(listing, arguments.subject, arguments.files, arguments.max_files)
    n_left = len(listing.assets) - len(chosen.assets)
    print_table(("file", "size"), [(a.path, remote.size_text(a.size) if a.size >= 0 else "") for a in chosen.assets])
    origin = f"{listing.source}@{listing.version}".rstrip("@")
    others = f"; not asked for: {counted(n_left, 'file')}" if n_left else ""
    others += f"; not NWB: {counted(listing.n_others, 'file')}" if listing.n_others else ""
    size = remote.size_text(chosen.size) if any(a.size >= 0 for a in chosen.assets) else "size unknown"
    print(f"{origin}: {counted(len(chosen.assets), 'file')}, {size}{others}")
    if listing.version == remote.DRAFT:
        print("This is a draft: it may change, and cannot be cited.", file=sys.stderr)
    if arguments.dry:
        return
    out = arguments.out or _folder(arguments.source)
    try:
        summary = remote.fetch(chosen, out, client, arguments.archive, lambda line: print(line, file=sys.stderr))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on after the last finished file", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    share = f" ({summary.size / summary.full_size:.2%} of the whole)" if summary.full_size else ""
    kept = f", {counted(summary.n_kept, 'file')} finished before" if summary.n_kept else ""
    print(
        f"{counted(summary.n_fetched, 'file')} fetched{kept}: {remote.size_text(summary.transferred)} in "
        f"{counted(summary.requests, 'request')}. {out}: {remote.size_text(summary.size)}"
        f"{share}; fetch.json lists what was left out"
    )
    print(f"Next: spikebridge inspect {out}, and dvc add {out}")


def _folder(source: str) -> Path:
    from spikebridge.artifacts.fetched import FETCHED_FOLDER
    from spikebridge.remote.dandi import is_set, set_name

    if not is_set(source):
        raise ConfigError("--out: name the folder of the copies, such as data/recordings")
    return FETCHED_FOLDER / set_name(source).number
