"""What the calibration of the tests writes, reports/calibration.

outcomes.parquet        one row a study and test: scenario (text), study (int64, its number), the test and its models
                        (text), p (float64), n_clusters, decidable (bool: the test could claim something), claimed
                        (bool: it made a false claim)
calibration.csv         rates of false claims, shares from 0 to 1
power.csv               power of the declared tests, shares from 0 to 1
equivalence.csv         claims of equivalence, shares from 0 to 1
calibration.png, power.png, calibration.md    figures and the page
studies/<digest of the code>-<seed>/<scenario>-<number>.parquet    outcomes of one study, taken over by a later run
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spikebridge.errors import DataError

CALIBRATION_FOLDER = Path("reports") / "calibration"
"""In the folder of a project."""


@dataclass(frozen=True)
class CalibrationRun:
    """The folder of a calibration: where its files are, and how they are written and read.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    @property
    def outcomes(self) -> Path:
        return self.folder / "outcomes.parquet"

    @property
    def false_claims(self) -> Path:
        return self.folder / "calibration.csv"

    @property
    def power(self) -> Path:
        return self.folder / "power.csv"

    @property
    def equivalence(self) -> Path:
        return self.folder / "equivalence.csv"

    @property
    def false_claims_image(self) -> Path:
        return self.folder / "calibration.png"

    @property
    def power_image(self) -> Path:
        return self.folder / "power.png"

    @property
    def page(self) -> Path:
        return self.folder / "calibration.md"

    @property
    def studies(self) -> Path:
        """Has one folder for each state of the code and seed."""
        return self.folder / "studies"

    def write_outcomes(self, outcomes: pd.DataFrame) -> None:
        """Write outcomes.parquet into the folder, made where missing.

        Parameters
        ----------
        outcomes : DataFrame
            One row a study and test.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        outcomes.to_parquet(self.outcomes, index=False)

    def read_outcomes(self) -> pd.DataFrame:
        """Read outcomes.parquet.

        Returns
        -------
        DataFrame
            One row a study and test.

        Raises
        ------
        DataError
            Where no studies have been run.
        """
        if not self.outcomes.is_file():
            raise DataError(f"{self.outcomes}: expected the outcomes of a calibration, found none; run it first")
        return pd.read_parquet(self.outcomes)

    def write_tables(self, false_claims: pd.DataFrame, power: pd.DataFrame, equivalence: pd.DataFrame) -> None:
        """Write calibration.csv, power.csv and equivalence.csv.

        Parameters
        ----------
        false_claims, power, equivalence : DataFrame
            Shares of studies, from 0 to 1.
        """
        false_claims.to_csv(self.false_claims, index=False)
        power.to_csv(self.power, index=False)
        equivalence.to_csv(self.equivalence, index=False)


def study_path(folder: Path, scenario: str, number: int) -> Path:
    """The outcomes of one finished study.

    Parameters
    ----------
    folder : Path
        Of this state of the code, below `CalibrationRun.studies`.
    scenario : str
        Name of the scenario.
    number : int
        Of the study.

    Returns
    -------
    Path
        Where the file is, or would be.
    """
    return folder / f"{scenario}-{number:05d}.parquet"
