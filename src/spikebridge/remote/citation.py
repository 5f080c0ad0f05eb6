"""Licence and citation of a fetched set, as texts beside the recordings."""

from __future__ import annotations

from typing import Any

from spikebridge import __version__
from spikebridge.artifacts.fetched import CITATION_TEXT, LICENSE_TEXT
from spikebridge.remote.assets import Listing
from spikebridge.remote.dandi import DRAFT

SPDX = "spdx:"
MADE_BY = f"spikebridge {__version__}"


def licenses(about: dict[str, Any]) -> list[str]:
    """Identifiers of the licences of a set."""
    given = about.get("license") or []
    return [str(name).removeprefix(SPDX) for name in (given if isinstance(given, list) else [given])]


def texts(listing: Listing) -> dict[str, str]:
    """Name of a file -> its text. Outside of an archive nothing is known, and the texts say so."""
    return {LICENSE_TEXT: _license(listing), CITATION_TEXT: _citation(listing)}


def _license(listing: Listing) -> str:
    names = licenses(listing.about)
    if not names:
        return f"The licence of {listing.source} is not known: ask those who provide it.\n"
    lines = [f"{name}: https://spdx.org/licenses/{name}.html" for name in names]
    origin = f"{listing.source} {listing.version}".strip()
    return f"The recordings in this folder are parts of {origin}, under the licence\n\n" + "\n".join(lines) + "\n"


def _citation(listing: Listing) -> str:
    about = listing.about
    if not about:
        return f"The citation of {listing.source} is not known: ask those who provide it.\n{_program()}"
    lines = [str(about.get("citation") or about.get("name") or listing.source)]
    if about.get("doi"):
        lines.append(f"https://doi.org/{about['doi']}")
    if listing.version == DRAFT:
        lines.append("This is a draft: it may change, and cannot be cited.")
    related = [_related(entry) for entry in about.get("relatedResource") or [] if isinstance(entry, dict)]
    lines += ["", "Related, as the archive names it:", *related] if related else []
    return "\n".join(lines) + "\n" + _program()


def _related(entry: dict[str, Any]) -> str:
    relation = str(entry.get("relation") or "").removeprefix("dcite:")
    parts = [relation, *(str(entry[key]) for key in ("name", "identifier", "url") if entry.get(key))]
    return "- " + ", ".join(part for part in parts if part)


def _program() -> str:
    return f"\nRaw traces, images and waveforms were left out by {MADE_BY}; fetch.json lists them.\n"
