"""The verdicts of tests: an enum, and the text and the code that each has in result tables.

Texts are for people. Code reads the codes; `Verdict.of_row` is the only place that does.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, TypedDict

from spikebridge.errors import DataError


class VerdictColumns(TypedDict):
    """What a row of a result table holds of a verdict: its text, and the code of the member."""

    verdict: str
    verdict_code: str


class Verdict(Enum):
    """What a test decided. The value of a member is its text, with fields in braces; see `text`.

    Members whose text begins with "descriptive" belong to tests that decide nothing.
    """

    LEFT_OUT = "left out: {reason}"
    A_BETTER = "{better} better"
    LARGER = "larger in {larger}"
    TOO_FEW_CLUSTERS = "too few {cluster}s to decide (needs {needed})"
    NOT_SIGNIFICANT_DETECTABLE = "no difference shown (could have seen {detectable:.2g})"
    NOT_SIGNIFICANT = "no difference shown"
    PREDICTS_DECISION = "predicts the decision"
    SOURCE_PREDICTS_TARGET = "{source} predicts {target}"
    NEXT_TO_NOTHING = "next to nothing: at most {least:g} bits/spike"
    DEPENDENT_TRIALS = "descriptive: trials are not independent"
    DEPENDENT_FOLDS = "descriptive: folds are not independent"
    EQUIVALENT = "descriptive: equivalent within {margin:g}"
    NOT_WORSE = "descriptive: no worse by {margin:g} or more"
    EQUIVALENCE_NOT_SHOWN = "descriptive: equivalence not shown"
    POSTERIOR = "descriptive: P(worse, within {margin:g}, better) = {shares}"
    BAYES_FACTOR = "descriptive: BF10 = {factor:.3g}"
    DESCRIPTIVE = "descriptive"
    NONE = ""

    def text(self, **fields: object) -> str:
        """Return the text that result tables hold.

        Parameters
        ----------
        **fields : object
            A value for each field of the text, such as ``better="seq2seq"``.

        Returns
        -------
        str
            The text with its fields filled in.
        """
        return self.value.format(**fields)

    @property
    def code(self) -> str:
        """The code that result tables hold: the name of the member in small letters; empty for NONE."""
        return "" if self is Verdict.NONE else self.name.lower()

    def columns(self, **fields: object) -> VerdictColumns:
        """Return what a row of a result table holds.

        Parameters
        ----------
        **fields : object
            As for `text`.

        Returns
        -------
        VerdictColumns
            Text and code.
        """
        return {"verdict": self.text(**fields), "verdict_code": self.code}

    @classmethod
    def of_row(cls, row: Mapping[Any, Any]) -> Verdict:
        """Return the verdict of a row of a result table.

        Parameters
        ----------
        row : mapping
            Of comparisons.csv, ladder.csv, decision_course.csv, or of a test in metrics.json. Only its entry
            `verdict_code` is read; a missing value counts as no verdict.

        Returns
        -------
        Verdict
            The member with this code.

        Raises
        ------
        DataError
            Where there is no such entry, or no member has this code.
        """
        if "verdict_code" not in row:
            raise DataError("verdict: expected a column verdict_code; run evaluate again")
        code = row["verdict_code"]
        code = "" if code is None or code != code else str(code)
        for verdict in cls:
            if verdict.code == code:
                return verdict
        raise DataError(f"verdict_code: expected one that evaluate writes, got {code!r}")


class TranslationVerdict(StrEnum):
    """Whether the source predicts the target. The value is the code in metrics.json, which also has a text."""

    TRANSLATES = "translates"
    NOTHING = "nothing_to_translate"

    @classmethod
    def of(cls, verdict: Mapping[str, Any]) -> TranslationVerdict:
        """Return the member in a verdict of metrics.json.

        Parameters
        ----------
        verdict : mapping
            Its entry `code` is read.

        Returns
        -------
        TranslationVerdict
            The member with this code.

        Raises
        ------
        DataError
            For another code, or none.
        """
        try:
            return cls(verdict["code"])
        except (KeyError, ValueError):
            raise DataError(f"verdict of a translation: expected a code of {[*cls]}; run evaluate again") from None
