"""Coverage of lines and branches by the tests of `make check`, which runs pytest under slipcover.

slipcover prints after pytest; here the numbers of all workers are read before, so that pytest prints the last line.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

MIN_PERCENT = 90.0
"""Of lines and branches together."""
MEASURED = pytest.StashKey[dict[str, Any] | None]()


def measured_coverage() -> dict[str, Any] | None:
    """What slipcover counted in all workers, in its JSON format; None where nothing is measured, and in a worker."""
    folder = os.environ.get("SLIPCOVER_COVERAGE_DIR")
    if not folder or "PYTEST_XDIST_WORKER" in os.environ:
        return None
    merged = Path(folder) / "merged.json"
    try:
        return json.loads(merged.read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder)


def too_low(measured: dict[str, Any]) -> bool:
    """Whether less than MIN_PERCENT was run."""
    return measured["summary"]["percent_covered"] < MIN_PERCENT


def coverage_table(measured: dict[str, Any]) -> str:
    """Every file that is not run whole, with the lines and branches that are not, and the total."""
    import slipcover

    text = io.StringIO()
    slipcover.print_coverage(measured, outfile=text, skip_covered=True, missing_width=60)
    total = f"{measured['summary']['percent_covered']:.1f} % of lines and branches were run"
    return f"{text.getvalue()}{total}{f': expected at least {MIN_PERCENT:g} %' if too_low(measured) else ''}\n"
