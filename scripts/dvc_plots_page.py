"""Make .dvc/plots/offline.html: the page of `dvc plots show` with the plotting library inside.

`npm pack vega@5.33.0 vega-lite@5.23.0 vega-embed@6.29.0`, unpack each archive into a folder of its name, then
`python scripts/dvc_plots_page.py FOLDER`. The three libraries are under the BSD 3-Clause licence; the page
repeats it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / ".dvc" / "plots" / "offline.html"
LIBRARIES = ("vega", "vega-lite", "vega-embed")
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>spikebridge: plots of DVC</title>
<!-- Made by scripts/dvc_plots_page.py. DVC puts the plots where the two words in braces stand. -->
<style>
body { font-family: sans-serif; margin: 2em; }
img { max-width: 100%; height: auto; }
</style>
"""
BODY = """<script>
/* Text of the plots as text: it can be searched, copied and printed. */
const drawn = vegaEmbed;
vegaEmbed = (place, spec) => drawn(place, spec, {renderer: "svg", actions: {editor: false}});
</script>
</head>
<body>
<h1>Plots</h1>
<p>The numbers lie in <code>reports/evaluation/tables</code>.</p>
{plot_divs}
</body>
</html>
"""


def page(folder: Path) -> str:
    """The page. folder: holds the unpacked package of each of LIBRARIES."""
    parts = [HEAD]
    for name in LIBRARIES:
        package = folder / name / "package"
        version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
        licence = (package / "LICENSE").read_text(encoding="utf-8").strip()
        code = (package / "build" / f"{name}.min.js").read_text(encoding="utf-8")
        code = "\n".join(line for line in code.splitlines() if not line.startswith("//# sourceMappingURL"))
        if "</script" in code or "{plot_divs}" in code:
            raise SystemExit(f"{name} {version}: its code cannot stand inside the page as it is")
        parts.append(f"<script>\n/* {name} {version}\n\n{licence}\n*/\n{code}\n</script>\n")
    return "".join([*parts, BODY])


def main(arguments: list[str]) -> int:
    """Write the page from the folder that is the only argument."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    PAGE.write_text(page(Path(arguments[0])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
