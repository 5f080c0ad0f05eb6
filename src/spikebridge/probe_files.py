"""What `data.recordings` says of the probes that are joined to one recording."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class ProbeFiles(BaseModel):
    """One probe of a session; its path alone is enough."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(description="relative to data.path")
    offset_s: Seconds | dict[Literal["spikes", "trials", "behavior"], Seconds] = Field(
        0.0, description="added to its times, or to those of one part alone"
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: Any) -> Any:
        return {"path": given} if isinstance(given, str) else given


Probes = list[ProbeFiles] | dict[str, ProbeFiles]
"""Paths, whose probes are named by them, or name of a probe -> path."""
