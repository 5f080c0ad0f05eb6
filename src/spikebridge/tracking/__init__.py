"""The only room that imports mlflow: runs, live metrics, the registry. Importing it does not import mlflow yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikebridge.config import Config
from spikebridge.tracking.epochs import LiveRun, live
from spikebridge.tracking.place import home, tracking_uri

__all__ = ["LiveRun", "home", "live", "publish", "serve_ui", "tracking_uri"]


def publish(config: Config, project: Path | str = ".") -> dict[str, Any]:
    """Log what lies under runs/ and reports/ and register the best model behind the gates.

    See `mirror.mirror` and `registry.register`; returns what registration.json says.
    """
    from spikebridge.tracking.identity import identify
    from spikebridge.tracking.mirror import mirror
    from spikebridge.tracking.registry import register

    identity = identify(config, Path(project))  # once: code that is being edited meanwhile would change it
    mirror(config, project, identity)
    return register(config, project, identity)


def serve_ui(port: int, say: Callable[[str], None]) -> int:
    """Serve MLflow's UI of this project on 127.0.0.1 until it is stopped; its exit code. say: gets lines to show."""
    from spikebridge.tracking.ui import serve

    return serve(port, say)
