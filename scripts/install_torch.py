"""Install torch into the environment that runs this script: CUDA build where there is a GPU, else CPU build.

Standard library only. The lock cannot hold torch, because one version number stands for several builds of very
different size. Nothing is asked of the user: `SPIKEBRIDGE_TORCH=cpu` or `=cuda` overrides what is found, `=auto` is the
default.

Where a build comes from, in this order:
1. the indexes and folders this environment's pip is configured with, if they offer the build by name (`2.13.0+cpu`);
2. pip's default build, on the systems where that is the wanted one;
3. `uv pip install --torch-backend`, which knows where the builds are kept;
4. pip's default build, with a word on what that means.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "2.13.0"


def main() -> int:
    asked = os.environ.get("SPIKEBRIDGE_TORCH", "auto").strip().lower() or "auto"
    if asked not in {"auto", "cpu", "cuda"}:
        print(f"expected SPIKEBRIDGE_TORCH to be auto, cpu or cuda, got {asked!r}", file=sys.stderr)
        return 2
    wanted = asked if asked != "auto" else ("cuda" if has_gpu() else "cpu")
    present = installed()
    # A CUDA build works on the CPU too; it is replaced only when the small one is asked for by name.
    if present == wanted or (present == "cuda" and asked == "auto"):
        return 0
    print(f"installing torch {VERSION}, {wanted.upper()} build", flush=True)
    offered = pick(wanted, offers())
    if offered:
        return pip_install(f"torch=={offered}")
    if wanted == "cpu" and sys.platform in {"darwin", "win32"}:
        return pip_install(f"torch=={VERSION}")
    backend = "cpu" if wanted == "cpu" else "auto"
    # uv's `auto` looks at the driver; without one (an image built for another machine) pip's default is the CUDA build.
    if (wanted == "cpu" or has_gpu()) and uv_install(backend) == 0:
        return 0
    if wanted == "cpu":
        print("The CPU build cannot be reached; taking pip's default build.", flush=True)
        print("On Linux that is the larger CUDA build, which works on the CPU too.", flush=True)
    return pip_install(f"torch==={VERSION}")


def has_gpu() -> bool:
    """True where NVIDIA's driver answers and lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        out = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return out.returncode == 0 and "GPU" in out.stdout


def installed() -> str | None:
    """Say "cpu" or "cuda" for the torch that is there in the pinned version, None for none or another version.

    torch is not imported: that takes seconds, and a broken one could not be.
    """
    try:
        distribution = importlib.metadata.distribution("torch")
    except importlib.metadata.PackageNotFoundError:
        return None
    if distribution.version.split("+")[0] != VERSION:
        return None
    try:
        text = Path(str(distribution.locate_file("torch/version.py"))).read_text(encoding="utf-8")
    except OSError:
        return None
    return "cuda" if re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) else "cpu"


def offers() -> list[str]:
    """Builds of VERSION that pip's configuration offers, for example ["2.13.0", "2.13.0+cpu"]. Downloads nothing."""
    out = pip_command("index", "versions", "torch", capture=True)
    lines = [line for line in out.stdout.splitlines() if line.startswith("Available versions:")]
    versions = lines[0].partition(":")[2].replace(" ", "").split(",") if lines else []
    return [v for v in versions if v.split("+")[0] == VERSION]


def pick(wanted: str, versions: list[str]) -> str | None:
    """The offered build with the local label of this kind; the highest label of several."""
    label = "+cpu" if wanted == "cpu" else "+cu"
    fitting = sorted(v for v in versions if label in v and (wanted == "cpu" or "+cpu" not in v))
    return fitting[-1] if fitting else None


def pip_install(requirement: str) -> int:
    return pip_command("install", "--quiet", requirement).returncode


def pip_command(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=capture, text=True, check=False)


def uv_install(backend: str) -> int:
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    command += [f"--torch-backend={backend}", f"torch=={VERSION}"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
