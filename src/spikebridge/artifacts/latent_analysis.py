"""What the stage analyze writes, runs/analysis: about.json, and one table an analysis, raw sums a test block.

direction.csv           nats and spikes a test window, of the model fitted from source to target and the other way
consistency.csv         R2 between the latents of two fits
held_out_units.csv      nats and spikes a test block, of target units that the translator never saw
attribution.csv         weight of each source unit on each latent
attribution_units.csv   shares of each source unit
optimism.csv            scores of blocked and of leaky folds, a test trial
optimism_inner.csv      scores that the tuner saw
ablation.csv            nats, spikes and decision of a test trial, with all modes of the translation and without each
alignment.csv           variance of each region in the shared subspace and in as many principal components
shared_variance.csv     variance of each region in parts: baseline, shared, private, noise

nats and log_loss are natural units, rates are spikes per bin, shares and R2 have no unit. `tables` of
spikebridge.latent_analysis.<analysis> has every column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.artifacts.json_files import write_json
from spikebridge.text.plain_text import read_csv, write_csv

LATENT_ANALYSIS_FOLDER = Path("runs") / "analysis"
"""Of the stage, in the folder of a project."""
INNER_SCORES = "optimism_inner"
TEXT = {"recording": str, "block": str, "model": str}
"""Columns that stay text, whatever they hold."""


@dataclass(frozen=True)
class LatentAnalysisRun:
    """The folder of the stage: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def about(self) -> Path:
        return self.folder / "about.json"

    def path(self, table: str) -> Path:
        """The file of a table.

        Parameters
        ----------
        table : str
            Name of the table.

        Returns
        -------
        Path
            Where the file is, or would be.
        """
        return self.folder / f"{table}.csv"

    def write_about(self, model: str, analyses: Sequence[str], split_hash: str) -> None:
        """Write about.json: which analyses were run, of which model, in which folds.

        Parameters
        ----------
        model : str
            The translator that was analysed.
        analyses : sequence of str
            Names of analyses; none where the model is not among the models of the study.
        split_hash : str
            Of the split manifest.
        """
        write_json(self.about, {"model": model, "run": list(analyses), "split_hash": split_hash})

    def write_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write one CSV file a table.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            Name -> table of all folds.
        """
        for name, table in tables.items():
            write_csv(table, self.path(name))

    def read_table(self, name: str) -> pd.DataFrame:
        """Read one table.

        Parameters
        ----------
        name : str
            Of the table.

        Returns
        -------
        DataFrame
            Without rows and columns where the analysis was not run.
        """
        path = self.path(name)
        return read_csv(path, dtype=TEXT, keep_default_na=False, na_values=[""]) if path.is_file() else pd.DataFrame()
