"""model.json: what a saved model is, whose units it knows, and its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spikebridge.errors import DataError
from spikebridge.models.parts.saved_json import read_object

NAME = "model.json"
MAX_BINS = 100_000
MIN_BIN_S, MAX_BIN_S = 1.0e-5, 1.0e4
Unit = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Units(BaseModel):
    """Unit ids in the order of the last axis."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source_units: list[Unit]
    target_units: list[Unit]


class About(BaseModel):
    """class_shares: recording -> (class,), shares of the labels learned from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    classes: list[str] = Field(min_length=1, max_length=10_000)
    bin_s: float = Field(ge=MIN_BIN_S, le=MAX_BIN_S)
    n_bins: int = Field(ge=1, le=MAX_BINS)
    recordings: dict[str, Units] = Field(min_length=1)
    class_shares: dict[str, list[float]]
    params: dict[str, Any]

    @model_validator(mode="after")
    def _fits_together(self) -> About:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("expected classes that differ from one another")
        if set(self.class_shares) != set(self.recordings):
            raise ValueError("expected class_shares of the recordings and of no other")
        for name, shares in self.class_shares.items():
            if len(shares) != len(self.classes) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
                raise ValueError(f"expected class_shares of {name!r} for each class, greater than 0, with the sum 1")
        for name, units in self.recordings.items():
            for ids in (units.source_units, units.target_units):
                if len(set(ids)) < len(ids):
                    raise ValueError(f"expected unit ids of {name!r} that differ from one another")
        return self


def read_about(folder: Path) -> About:
    """The checked model.json of a folder. Raises DataError that names the file and the field."""
    path = folder / NAME
    content = read_object(path)
    for field in About.model_fields:
        if field not in content:
            raise DataError(f"{path}: {NAME} lacks {field!r}")
    try:
        return About(**content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        said = first["msg"].removeprefix("Value error, ")
        got = "" if not where else f", got {str(first['input'])[:60]}"
        raise DataError(f"{path}: {where + ': ' if where else ''}{said}{got}") from None
