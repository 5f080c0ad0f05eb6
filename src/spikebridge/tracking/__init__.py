"""The only room that imports mlflow: runs, live metrics, the registry. Importing it does not import mlflow yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikebridge.config import Config
from spikebridge.tracking.epochs import LiveRun, live
from spikebridge.tracking.place import home, tracking_uri

__all__ = ["LiveRun", "home", "live", "mirror_results", "publish", "register_best", "serve_ui", "tracking_uri"]


def mirror_results(config: Config, project: Path | str = ".") -> str:
    """Log what lies under runs/ and reports/; see `mirror.mirror`."""
    from spikebridge.tracking.mirror import mirror

    return mirror(config, project)


def register_best(config: Config, project: Path | str = ".") -> dict[str, Any]:
    """Register the best model behind the gates; see `registry.register`."""
    from spikebridge.tracking.registry import register

    return register(config, project)


def publish(config: Config, project: Path | str = ".") -> dict[str, Any]:
    """Mirror the results and register the best model; returns what registration.json says."""
    mirror_results(config, project)
    return register_best(config, project)


def serve_ui(port: int = 5000) -> int:
    """Serve MLflow's UI of this project on 127.0.0.1 until it is stopped; its exit code."""
    from spikebridge.tracking.ui import serve

    return serve(port)
