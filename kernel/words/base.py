"""The base of all words: frozen, strict about unknown members, JSON in and out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LATER", "Word"]

LATER: Any = Field(exclude_if=lambda value: not value)
"""Marks a member that a signed word gained later: left out of its JSON where it is empty, so that what was signed
before there was such a member still reads as it was signed."""


class Word(BaseModel):
    """A frozen value with no members beyond the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """JSON members, those at their default of None left out, by their names on the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
