"""Promotion by a person despite the gates: who made a version champion, when, why, and which gates had failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from spikebridge.errors import RegistryError
from spikebridge.tracking import load
from spikebridge.tracking.evidence import stored_card, there
from spikebridge.tracking.model_card import CANDIDATE, CHAMPION
from spikebridge.tracking.store import Store
from spikebridge.tracking.store_location import masked

FAILED = "gates_failed"
NOBODY = "none"
LONGEST = 4000
"""Maximum number of characters of a tag."""


@dataclass(frozen=True)
class Promotion:
    """by, at (UTC), reason; over: names of the failed gates, or "none"; instead_of: the champion before, or "none"."""

    by: str
    at: str
    reason: str
    over: str
    instead_of: str

    @staticmethod
    def of(tags: Mapping[str, str]) -> Promotion | None:
        """The promotion in the tags of a version; None if no person promoted it."""
        if "promoted_by" not in tags:
            return None
        return Promotion(**{name: tags.get(f"promoted_{name}", "unknown") for name in Promotion.__dataclass_fields__})

    def tags(self) -> dict[str, str]:
        return {f"promoted_{name}": value for name, value in vars(self).items()}

    def line(self) -> str:
        """The line of the model card."""
        return f"> **Promoted by hand** {self}"

    def __str__(self) -> str:
        over = f"over failed gates: {self.over}" if self.over != NOBODY else "over no failed gate"
        return f"by {self.by} on {self.at}, {over}, instead of {self.instead_of}. Reason: {self.reason}"


@dataclass(frozen=True)
class Version:
    """A row of `versions`. score: balanced accuracy within blocks, with its interval; failed: names of gates."""

    version: int
    aliases: tuple[str, ...]
    model: str
    score: str
    failed: str
    translation: str
    promotion: Promotion | None


def promote(store: Store, name: str, version: int, by: str, reason: str, champion: int | None = None) -> Promotion:
    """Give the alias champion to a version regardless of its gates, and record who decided this and why.

    champion: the champion in the project's record, because somebody may have moved the alias in the store. Raises
    RegistryError without a name or a reason, if the version does not exist or cannot be loaded, and if it already is
    the champion.
    """
    by, reason = " ".join(by.split()), " ".join(reason.split())
    for option, text, wanted in (("--by", by, "who decides this"), ("--reason", reason, "why")):
        if not text:
            raise RegistryError(f"{option}: expected {wanted}, got nothing: it is recorded with the version")
        if len(text) > LONGEST:
            raise RegistryError(f"{option}: expected at most {LONGEST} characters, got {len(text)}")
    with store.locked():
        known = versions(store, name)
        chosen = next((v for v in known if v.version == version), None)
        if chosen is None:
            raise RegistryError(f"{name} has no version {version}; {there_are(known)}")
        if CHAMPION in chosen.aliases and champion in {None, version}:
            raise RegistryError(f"version {version} of {name} is the champion already")
        if not there(store, store.client.get_model_version(name, str(version))):
            raise RegistryError(f"version {version} of {name}: its files are not where they were registered")
        before = next((v for v in known if CHAMPION in v.aliases), None)
        promotion = Promotion(
            by=by,
            at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            reason=reason,
            over=chosen.failed,
            instead_of=f"version {before.version}" if before else NOBODY,
        )
        _record(store, name, version, promotion)
        if CANDIDATE in chosen.aliases:
            store.client.delete_registered_model_alias(name, CANDIDATE)
        store.client.set_registered_model_alias(name, CHAMPION, str(version))
    return promotion


def _record(store: Store, name: str, version: int, promotion: Promotion) -> None:
    """Write tags and card of the version, and a tag of the model that outlasts it. Called before the alias moves."""
    for key, value in promotion.tags().items():
        store.client.set_model_version_tag(name, str(version), key, value)
    if card := stored_card(store.client.get_model_version(name, str(version))):
        store.client.update_model_version(name, str(version), card.text(promotion.line()))
    store.client.set_registered_model_tag(
        name, f"promoted {promotion.at}", f"version {version} {promotion}"[: LONGEST + 500]
    )


def withdraw(store: Store, name: str, version: ModelVersion) -> None:
    """Remove the record of a promotion by a person: now the gates make this version champion."""
    for key in (k for k in version.tags if k.startswith("promoted_")):
        store.client.delete_model_version_tag(name, version.version, key)


def versions(store: Store, name: str) -> list[Version]:
    """Every version of a registered model, oldest first. Raises RegistryError if there is no such model."""
    try:
        aliases = store.client.get_registered_model(name).aliases
    except MlflowException:
        known = load.known_models(store.client) or "nothing yet"
        raise RegistryError(f"no model {name!r} is registered in {masked(store.uri)}; there are: {known}") from None
    registered = store.client.search_model_versions(f"name = '{name}'", max_results=1000)
    rows = [_row(v.tags, int(v.version), aliases) for v in registered]
    return sorted(rows, key=lambda row: row.version)


def _row(tags: Mapping[str, str], version: int, aliases: Mapping[str, Any]) -> Version:
    held = tuple(sorted(alias for alias, at in aliases.items() if int(at) == version))
    key = "outer_balanced_accuracy_within_blocks"
    limits = [tags.get(f"{key}_{end}") for end in ("ci_low", "ci_high")]
    score = tags.get(key, "–") + (f" [{limits[0]}, {limits[1]}]" if all(limits) else "")
    return Version(
        version=version,
        aliases=held,
        model=tags.get("model", "–"),
        score=score,
        failed=tags.get(FAILED, "unknown"),
        translation=tags.get("translation", "–"),
        promotion=Promotion.of(tags),
    )


def there_are(known: list[Version]) -> str:
    """The versions, on one line."""
    texts = [f"{v.version} ({', '.join([v.model, *v.aliases])})" for v in known]
    return f"there are: {', '.join(texts) or 'none'}"
