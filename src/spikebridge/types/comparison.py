"""One test of one model against another, as its row in comparisons.csv has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """Value of one model minus that of another.

    Parameters
    ----------
    estimate : float
        The difference; NaN where the test estimates none.
    ci_low, ci_high : float
        Confidence interval of the estimate; NaN where the test has none.
    """

    estimate: float = NAN
    ci_low: float = NAN
    ci_high: float = NAN


@dataclass(frozen=True)
class Significance:
    """What a test decided.

    Parameters
    ----------
    test : str
        The statistical test.
    p : float
        p value, not corrected.
    smallest_attainable_p : float
        The smallest p value that so many clusters allow.
    p_holm : float
        p value with Holm's correction.
    verdict, verdict_code : str
        Result of the test in words, and the code of the member of types.verdicts.Verdict.
    """

    test: str
    p: float = NAN
    smallest_attainable_p: float = NAN
    p_holm: float = NAN
    verdict: str = ""
    verdict_code: str = ""


@dataclass(frozen=True)
class Sample:
    """The data of a test.

    Parameters
    ----------
    n, n_clusters : int
        Trials, and clusters of dependent trials.
    design_effect, effective_n : float
        See statistics.design_effect.
    """

    n: int
    n_clusters: int
    design_effect: float = NAN
    effective_n: float = NAN


@dataclass(frozen=True)
class DetectableEffect:
    """What a test could have shown; see statistics.power.

    Parameters
    ----------
    detectable, clusters_for_power : float
        Smallest difference that is found with 80 % power, and clusters that show the observed one with that power.
    """

    detectable: float = NAN
    clusters_for_power: float = NAN


@dataclass(frozen=True)
class Comparison:
    """One row of comparisons.csv.

    Parameters
    ----------
    family : str
        Family of tests within which p values are corrected.
    model_a, model_b : str
        The models that are compared.
    metric : str
        The metric.
    role : str
        What the test is for: declared beforehand, or descriptive.
    sample : Sample
        The data.
    difference : Difference
        Value of model_a minus that of model_b.
    significance : Significance
        What the test decided.
    power : DetectableEffect
        What it could have shown.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "family", "model_a", "model_b", "metric", "test", "estimate", "ci_low", "ci_high", "p", "n", "n_clusters",
        "smallest_attainable_p", "role", "p_holm", "verdict", "verdict_code", "design_effect", "effective_n",
        "detectable", "clusters_for_power",
    )  # fmt: skip
    """Of comparisons.csv, in this order."""

    family: str
    model_a: str
    model_b: str
    metric: str
    role: str
    sample: Sample
    difference: Difference
    significance: Significance
    power: DetectableEffect = DetectableEffect()

    def row(self) -> dict[str, Any]:
        """The values of all columns.

        Returns
        -------
        dict
            Keys are COLUMNS, in their order.
        """
        parts = (self, self.sample, self.difference, self.significance, self.power)
        values = {name: value for part in parts for name, value in vars(part).items()}
        return {name: values[name] for name in self.COLUMNS}
