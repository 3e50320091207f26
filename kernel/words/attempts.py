"""Attempts to refute a plan, as the log keeps them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from infrafabric.kernel.words.base import Word

__all__ = ["MOST_SAID", "Attempted", "AttemptName"]

AttemptName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
MOST_SAID = 500
"""Characters of what an attempt says."""


class Attempted(Word):
    """One attempt to refute a plan, and what came of it."""

    name: AttemptName
    result: Literal["stood", "refuted"]
    said: Annotated[str, StringConstraints(max_length=MOST_SAID)]
    """One sentence: what was tried and found. Secrets masked."""
