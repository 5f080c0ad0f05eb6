"""The verdicts of tests: an enum, the text that each has in result tables, and the way back from text to enum.

Code decides by the enum. The texts are for people; `Verdict.from_text` is the only place that reads them back.
"""

from __future__ import annotations

import math
import re
from enum import Enum

from spikebridge.errors import DataError
from spikebridge.statistics.sign_flip import clusters_needed


class Verdict(Enum):
    """What a test decided. The value of a member is its text, with fields in braces; see `text`.

    Members whose text begins with "descriptive" belong to tests that decide nothing.
    """

    LEFT_OUT = "left out: {reason}"
    A_BETTER = "{better} better"
    TOO_FEW_CLUSTERS = "too few {cluster}s to decide (needs {needed})"
    NOT_SIGNIFICANT_DETECTABLE = "no difference shown (could have seen {detectable:.2g})"
    NOT_SIGNIFICANT = "no difference shown"
    PREDICTS_DECISION = "tells the decision"
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

    @classmethod
    def from_text(cls, text: object) -> Verdict:
        """Return the verdict that a text of a result table stands for.

        Parameters
        ----------
        text : object
            An entry of the column `verdict` of comparisons.csv, ladder.csv or decision_course.csv, or of metrics.json.
            A missing value counts as no text.

        Returns
        -------
        Verdict
            The member that wrote the text.

        Raises
        ------
        DataError
            Where no member writes such a text.
        """
        written = "" if text is None or text != text else str(text)
        for verdict, pattern in _PATTERNS.items():
            if pattern.fullmatch(written):
                return verdict
        raise DataError(f"verdict: expected a text that evaluate writes, got {written!r}")


_PATTERNS = {v: re.compile(re.sub(r"\\\{.*?\\\}", ".*", re.escape(v.value)), re.DOTALL) for v in Verdict}


def verdict_of(p_holm: float, smallest_p: float, tests: int, alpha: float) -> Verdict:
    """Return the verdict of one one-sided test in a Holm family.

    Parameters
    ----------
    p_holm : float
        Corrected p of the test.
    smallest_p : float
        Smallest p that the test can give with its clusters, before correction.
    tests : int
        Number of tests in the family.
    alpha : float
        Level of the family.

    Returns
    -------
    Verdict
        A_BETTER, TOO_FEW_CLUSTERS where no data could have reached alpha, or NOT_SIGNIFICANT.
    """
    if p_holm <= alpha:
        return Verdict.A_BETTER
    return Verdict.TOO_FEW_CLUSTERS if smallest_p * tests > alpha else Verdict.NOT_SIGNIFICANT


def verdict_text(
    verdict: Verdict, better: str, cluster: str, tests: int, alpha: float, detectable: float = math.inf
) -> str:
    """Return the text of a verdict of `verdict_of`.

    Parameters
    ----------
    verdict : Verdict
        What the test decided.
    better : str
        Name of what is better where the null hypothesis is rejected.
    cluster : str
        What the clusters are: "recording", "block" or "animal".
    tests : int
        Number of tests in the Holm family.
    alpha : float
        Level of the family.
    detectable : float
        Smallest true difference that the test finds with 80 % power; the text names it where it is finite.

    Returns
    -------
    str
        The text that result tables hold.
    """
    if verdict is Verdict.NOT_SIGNIFICANT and detectable < math.inf:
        verdict = Verdict.NOT_SIGNIFICANT_DETECTABLE
    needed = clusters_needed(alpha, tests)
    return verdict.text(better=better, cluster=cluster, needed=needed, detectable=detectable)
