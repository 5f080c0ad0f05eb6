"""The table of false claims: intervals as statsmodels has them, states by rule, studies counted once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from spikebridge.calibration.false_claims import clopper_pearson, failing, false_claim_rates, state


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 40), (20, 400), (400, 400), (1, 1)])
def test_intervals_are_those_of_statsmodels(hits: int, n: int) -> None:
    assert clopper_pearson(hits, n) == pytest.approx(proportion_confint(hits, n, method="beta"), abs=1e-12)


@pytest.mark.parametrize(
    ("hits", "n", "wanted"),
    [(20, 400, "holds"), (28, 400, "holds"), (29, 400, "unclear"), (45, 400, "fails"), (4, 400, "conservative"),
     (0, 20, "holds"), (2, 20, "unclear"), (5, 20, "fails")],
)  # fmt: skip
def test_states(hits: int, n: int, wanted: str) -> None:
    assert state(hits / n, *clopper_pearson(hits, n)) == wanted


def outcomes(claimed: list[list[bool]], decidable: bool = True) -> pd.DataFrame:
    """A test of several models in several studies."""
    rows = [
        {"scenario": "nothing", "study": s, "kind": "comparison", "family": "above_majority", "test": "sign_flip",
         "metric": "m", "against": "nothing", "role": "primary", "decidable": decidable, "claimed": c,
         "setting_recordings": 4 if s % 2 else 8}
        for s, models in enumerate(claimed)
        for c in models
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_study_counts_once_in_the_interval() -> None:
    table = false_claim_rates(outcomes([[True, True, True], *[[False] * 3] * 19]), min_recordings=6).set_index(
        "clusters"
    )
    row = table.loc["all"]
    assert (row["studies"], row["tests"], row["false_claims"], row["rate"]) == (20, 60, 3, 0.05)
    assert (row["ci_low"], row["ci_high"]) == clopper_pearson(1, 20)
    assert table.loc["block", "studies"] + table.loc["recording", "studies"] == 20


def test_what_cannot_decide_is_counted_apart() -> None:
    table = false_claim_rates(outcomes([[False]] * 10, decidable=False), min_recordings=6)
    assert set(table["state"]) == {"never decides"} and (table["undecidable"] == 1).all() and table["rate"].isna().all()
    assert failing(table).empty


def test_failing_primary_tests_are_named() -> None:
    table = false_claim_rates(outcomes([[k % 5 == 0] for k in range(200)]), min_recordings=6)
    assert list(failing(table)["test"]) == ["sign_flip"]
    assert np.isclose(failing(table)["rate"].iloc[0], 0.2)
