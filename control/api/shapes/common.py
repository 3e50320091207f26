"""What many shapes are made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["PROBLEMS", "Because", "Problem", "Reason", "Shape", "Taken", "Why", "optional"]

Why = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


def _without_null(schema: dict[str, Any]) -> None:
    """Members that may be left out are never null: the schema says the one and not the other."""
    schema.pop("default", None)
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema.update(kinds[0])
    elif kinds:
        schema["anyOf"] = kinds


optional: Any = Field(default=None, json_schema_extra=_without_null)
"""A member of an answer that is left out where it does not apply."""


class Shape(BaseModel):
    """An answer, or a part of one."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, use_attribute_docstrings=True)


class Taken(BaseModel):
    """A request's body: a member that is not named here is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Because(Taken):
    """A change, and why it is made."""

    why: Why
    """Recorded in the log with the change."""


class Reason(Shape):
    """Why something went wrong, and what to do about it."""

    code: str
    message: str
    remedy: str
    retry_after: float | None = optional
    """Seconds."""


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    type: str
    title: str
    status: int
    detail: str
    code: str
    """IF_ERR_*, as docs/errors.md lists them."""
    remedy: str
    instance: str | None = optional
    trace: str | None = optional
    retry_after: float | None = optional
    """Seconds."""


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": "Refused", "content": {"application/problem+json": {}}}
    for status in ("4XX", "5XX")
}
