"""Which verdict a test in a Holm family has, and what its row in a result table holds of it."""

from __future__ import annotations

import math

from spikebridge.statistics.sign_flip import clusters_needed
from spikebridge.types.verdicts import Verdict, VerdictColumns


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


def verdict_columns(
    verdict: Verdict, better: str, cluster: str, tests: int, alpha: float, detectable: float = math.inf
) -> VerdictColumns:
    """Return what a row of a result table holds of a verdict of `verdict_of`.

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
    VerdictColumns
        Text and code.
    """
    if verdict is Verdict.NOT_SIGNIFICANT and detectable < math.inf:
        verdict = Verdict.NOT_SIGNIFICANT_DETECTABLE
    needed = clusters_needed(alpha, tests)
    return verdict.columns(better=better, cluster=cluster, needed=needed, detectable=detectable)
