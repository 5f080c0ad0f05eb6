"""The only room that imports mlflow: runs, live metrics, the registry. Importing it does not import mlflow yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikebridge.config import Config
from spikebridge.tracking.epochs import LiveRun, live
from spikebridge.tracking.place import home, tracking_uri

if TYPE_CHECKING:
    from spikebridge.tracking.promotion import Promotion, Version

__all__ = ["LiveRun", "home", "live", "promote", "publish", "serve_ui", "tracking_uri", "versions"]


def publish(config: Config, project: Path | str = ".", logged: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Log what lies under runs/ and reports/ and register the best model behind the gates.

    logged: called between the two; what it raises keeps the model out of the registry. See `mirror.mirror` and
    `registry.register`; returns what registration.json says.
    """
    from spikebridge.tracking.identity import identify
    from spikebridge.tracking.mirror import mirror
    from spikebridge.tracking.registry import register

    identity = identify(config, Path(project))  # once: code that is being edited meanwhile would change it
    mirror(config, project, identity)
    logged()
    return register(config, project, identity)


def versions(name: str | None = None) -> tuple[str, list[Version]]:
    """The name of a registered model (the project's where none is given), and its versions, oldest first.

    Raises RegistryError where no store or no such model is here.
    """
    from spikebridge.tracking import load, promotion

    store = load.existing_store()
    name = name or load.settings().registered_model
    return name, promotion.versions(store, name)


def promote(version: int, by: str, reason: str, name: str | None = None) -> tuple[str, Promotion]:
    """Make a version champion on a person's word; the name of the model, and what was recorded.

    See `promotion.promote`.
    """
    from spikebridge.tracking import load, promotion

    store = load.existing_store()
    name = name or load.settings().registered_model
    return name, promotion.promote(store, name, version, by, reason)


def serve_ui(port: int, say: Callable[[str], None]) -> int:
    """Serve MLflow's UI of this project on 127.0.0.1 until it is stopped; its exit code. say: gets lines to show."""
    from spikebridge.tracking.ui import serve

    return serve(port, say)
