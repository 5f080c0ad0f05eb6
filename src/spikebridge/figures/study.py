"""What several figures say of the study, from tables that may be missing: names of the regions, number of trials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spikebridge.artifacts.evaluation_tables import read_table, table_path

LONGEST = 18
"""Longest name of a region, or of several joined, that figures write out."""
ROLE = re.compile(r"(?<![\w.`])(?:([Tt]he) )?([Ss]ource|[Tt]arget)( region)?(?![\w`])")
"""Words for a region; not in the name of a setting or of a column, such as data.source."""


@dataclass(frozen=True)
class Regions:
    """Names of the regions that figures show, such as HC and PFC; empty where the tables do not have them.

    Parameters
    ----------
    source, target : str
        The name, or several joined by +.
    """

    source: str = ""
    target: str = ""

    def named(self, text: str) -> str:
        """A text with the names of the regions for the words source and target; the same text where there are none.

        Parameters
        ----------
        text : str
            Such as a label of an axis, or a caption.

        Returns
        -------
        str
            The text with names.

        Examples
        --------
        >>> Regions("HC", "PFC").named("spikes of the source region, target units")
        'spikes of HC, PFC units'
        """
        if not (self.source and self.target):
            return text
        return ROLE.sub(lambda match: self.source if match[2].lower() == "source" else self.target, text)

    def role(self, role: str) -> str:
        """The name of a region, or "source region" and "target region".

        Parameters
        ----------
        role : str
            "source" or "target".

        Returns
        -------
        str
            The name.
        """
        return self.named(f"{role} region")


def regions_of(tables_folder: Path) -> Regions:
    """The regions of the units in the table `quality`, all recordings together, several of a role joined by +.

    Parameters
    ----------
    tables_folder : Path
        The tables of evaluate.

    Returns
    -------
    Regions
        Without names where the table is missing or a name is too long for a figure.
    """
    if not table_path(tables_folder, "quality").is_file():
        return Regions()
    table = read_table(tables_folder, "quality").dropna(subset=["region", "role"])
    names = {
        role: "+".join(sorted(set(table.loc[table["role"] == role, "region"].astype(str))))
        for role in ("source", "target")
    }
    if names["source"] == names["target"] or any(not 0 < len(name) <= LONGEST for name in names.values()):
        return Regions()
    return Regions(**names)


def n_decisions(tables_folder: Path) -> int:
    """Number of held-out trials with a decision, from the table `confusion`; 0 where it is missing."""
    if not table_path(tables_folder, "confusion").is_file():
        return 0
    table = read_table(tables_folder, "confusion")
    return int(table.groupby("model")["n"].sum().max()) if len(table) else 0
