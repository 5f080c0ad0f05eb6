"""Make the page of `dvc plots` that draws without a network: .dvc/plots/offline.html. `make environment` runs this.

python scripts/dvc_plots_page.py [FOLDER]    of this project, or of another folder with .dvc
"""

from __future__ import annotations

import sys
from pathlib import Path

from spikebridge.errors import SpikebridgeError
from spikebridge.runtime import plots_page

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    """Write the page of the project in the only argument, of this one without; 2 where it cannot be made."""
    if len(arguments) > 1:
        print(__doc__)
        return 2
    try:
        plots_page.write(Path(arguments[0]) if arguments else ROOT)
    except SpikebridgeError as error:
        print(f"no page for `dvc plots` without a network: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
