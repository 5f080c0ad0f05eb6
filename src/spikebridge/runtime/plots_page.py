"""The page that `dvc plots` fills, with the plotting library inside: it draws without a network.

DVC's page asks a server for the library. The package vl-convert-python (the extra `plots`) carries the library, and
this module writes it into .dvc/plots/offline.html and names that page in .dvc/config.local. Both files stay out of Git.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

from spikebridge.errors import SpikebridgeError

DVC_FOLDER = Path(".dvc")
PAGE = Path("plots") / "offline.html"
"""Below DVC_FOLDER, as DVC's setting plots.html_template has it."""
PACKAGE = "vl-convert-python"
PLACES = ("{refresh_tag}", "{plot_divs}", "{scripts}")
"""Words that DVC replaces on the page. It fills the last one with links to a server, so the page has no such word."""
TEXT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>spikebridge: plots of DVC</title>
<!-- Made by spikebridge. DVC puts the plots where the two words in braces stand. -->
<style>
body { font-family: sans-serif; margin: 2em; }
img { max-width: 100%; height: auto; }
</style>
<script>
/* Vega, Vega-Lite and Vega-Embed (BSD 3-Clause, University of Washington Interactive Data Lab), packed by @package@:

@licence@
*/
(() => {
@library@
})();
/* Text of the plots as text: it can be searched, copied and printed. The templates name Vega-Lite 5, which DVC's own
page loads; they hold for this version as well. */
const drawn = vegaEmbed;
vegaEmbed = (place, spec) =>
  drawn(place, {...spec, $schema: undefined}, {renderer: "svg", actions: {editor: false}});
</script>
</head>
<body>
<h1>Plots</h1>
<p>The numbers lie in <code>reports/evaluation/tables</code>.</p>
{plot_divs}
</body>
</html>
"""


def write(project: Path) -> Path:
    """Write the page of a project and make `dvc plots` use it.

    Parameters
    ----------
    project : Path
        The folder with .dvc.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    SpikebridgeError
        If the package with the library is not installed, the project has no .dvc, or DVC refuses the setting.
    """
    if not (project / DVC_FOLDER).is_dir():
        raise SpikebridgeError(f"{project}: expected a DVC project, got a folder without {DVC_FOLDER}")
    content = page()
    path = project / DVC_FOLDER / PAGE
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f".{path.name}.partial")
    fresh.write_text(content, encoding="utf-8")
    fresh.replace(path)
    setting = ["config", "--local", "plots.html_template", PAGE.as_posix()]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *setting], cwd=project, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise SpikebridgeError(f"dvc {' '.join(setting)}: {lines[-1] if lines else f'exit code {done.returncode}'}")
    return path


def is_possible() -> bool:
    """Look for the package with the library.

    Returns
    -------
    bool
        False without the extra `plots`.
    """
    return importlib.util.find_spec("vl_convert") is not None


def page() -> str:
    """Give the text of the page.

    Returns
    -------
    str
        HTML with the library, and with the words that DVC replaces.

    Raises
    ------
    SpikebridgeError
        If the package with the library is not installed, or its code cannot stand in a page.
    """
    if not is_possible():
        raise SpikebridgeError(f'the page needs {PACKAGE}: pip install "spikebridge[plots]"')
    import vl_convert

    library = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    package = importlib.metadata.distribution(PACKAGE)
    if any(words in library for words in ("</script", *PLACES)):
        raise SpikebridgeError(f"{PACKAGE} {package.version}: its library cannot stand inside a page")
    licences = [file.read_text(encoding="utf-8") for file in package.files or () if file.name.startswith("LICENSE")]
    content = TEXT.replace("@package@", f"{PACKAGE} {package.version}")
    return content.replace("@licence@", "\n\n".join(licences).strip()).replace("@library@", library)
