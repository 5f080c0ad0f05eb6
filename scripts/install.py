"""Make or mend the environment of this checkout: .venv with the lock, torch and spikebridge itself.

Standard library only, so that any Python 3.11 to 3.13 can start it: `python scripts/install.py`. A second call finds
everything in place and does nothing, without a network. A call that was cut short is started afresh by the next one:
pip can leave a package half written, and nothing tells such a folder from a whole one.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("requirements.lock", "pyproject.toml", "scripts/install.py", "scripts/install_torch.py")
PAGE = ROOT / ".dvc" / "plots" / "offline.html"
"""What scripts/dvc_plots_page.py makes."""
SUPPORTED = ((3, 11), (3, 13))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--into", type=Path, default=ROOT / ".venv", help="folder of the environment (default: .venv)")
    parser.add_argument("--without-dev", action="store_true", help="leave out the tools of the extra `dev`")
    options = parser.parse_args(arguments)
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        print(f"expected Python 3.11, 3.12 or 3.13, got {sys.version.split()[0]} ({sys.executable})", file=sys.stderr)
        return 2
    try:
        install(options.into.absolute(), options.without_dev)
    except subprocess.CalledProcessError as error:
        print(f"the environment could not be made: exit code {error.returncode} of", file=sys.stderr)
        print(f"  {' '.join(error.cmd)}", file=sys.stderr)
        print("Look at the lines above; the same command starts again from a clean state.", file=sys.stderr)
        return 1
    return 0


def install(folder: Path, without_dev: bool = False) -> None:
    """Bring `folder` to the state that INPUTS describe; do nothing where it has it."""
    stamp, unfinished = folder / ".installed", folder / ".installing"
    python = interpreter(folder)
    wanted = fingerprint(without_dev)
    if stamp.is_file() and stamp.read_text() == wanted and not unfinished.exists() and works(python):
        stamp.touch()
        if not PAGE.is_file():
            make_page(python)
        return
    stamp.unlink(missing_ok=True)
    if unfinished.exists() or not works(python):
        print(f"making {folder.name} with Python {sys.version.split()[0]}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        # --clear removes the marker, so it is set again at once: a cut during the next steps must be seen.
        venv.EnvBuilder(clear=True, with_pip=True, symlinks=os.name != "nt").create(folder)
    unfinished.touch()
    print("installing the locked packages (a minute or two the first time)", flush=True)
    pip(python, "install", "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock"))
    run(python, str(ROOT / "scripts" / "install_torch.py"))
    # No isolation: the build uses the locked setuptools, and nothing is fetched.
    pip(python, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    if without_dev:
        pip(python, "uninstall", "--yes", *dev_tools(python))
    make_page(python)
    stamp.write_text(wanted)
    unfinished.unlink()


def make_page(python: Path) -> None:
    """Make the page of `dvc plots` that draws without a network, where this is a project of DVC.

    A failure is printed by the script and ends nothing: without the page, DVC takes its own, which needs a network.
    """
    if PAGE.parents[1].is_dir():
        script = str(ROOT / "scripts" / "dvc_plots_page.py")
        subprocess.run([str(python), script], check=False, stdin=subprocess.DEVNULL)


def interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(python: Path) -> bool:
    """True where this interpreter runs, is supported and has pip."""
    check = f"import sys, pip; sys.exit(not {SUPPORTED[0]} <= sys.version_info[:2] <= {SUPPORTED[1]})"
    try:
        return subprocess.run([str(python), "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def fingerprint(without_dev: bool) -> str:
    """Hash of what the environment depends on: contents, not times, so switching branches and back costs nothing."""
    digest = hashlib.sha256(f"{ROOT} {without_dev} {os.environ.get('SPIKEBRIDGE_TORCH', 'auto')}".encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def dev_tools(python: Path) -> list[str]:
    """Names of the packages that only the extra `dev` asks for; what reads more formats stays."""
    code = (
        "import importlib.metadata as m, re\n"
        "for r in m.requires('spikebridge') or []:\n"
        "    name = re.match(r'[A-Za-z0-9._-]+', r).group()\n"
        "    if re.search(r'extra == .dev', r) and name != 'spikebridge': print(name)"
    )
    out = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return out.stdout.split()


def pip(python: Path, *arguments: str) -> None:
    run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments)


def run(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), *arguments], check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
