"""What every section of params.yaml is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Unit = Annotated[int, Field(strict=True)] | str
"""A unit by its id, or by the name that its file gives it."""


class Section(BaseModel):
    """A section of params.yaml: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
