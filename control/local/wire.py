"""What crosses the local door, to JSON and back: asks, reports, entries, refusals. Pure.

What was made on one side is equal to what is read on the other; a receipt crosses byte for byte.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Appended, Entry
from infrafabric.kernel.replaying import Replayed
from infrafabric.kernel.words.entries import BODIES, Kind

__all__ = [
    "ask_from", "ask_to", "appended_from", "appended_to", "bytes_from", "bytes_to", "entry_from", "entry_to",
    "error_from", "error_to", "replayed_from", "replayed_to", "report_from", "report_to",
]  # fmt: skip

_APART = ("error", "receipt")
_ASK = TypeAdapter(Ask)
_APPENDED = TypeAdapter(tuple[Appended, ...])
_REPLAYED = TypeAdapter(Replayed)
_REPORT: Mapping[str, TypeAdapter[Any]] = {
    name: TypeAdapter(hint) for name, hint in get_type_hints(Report).items() if name not in _APART
}


def ask_to(ask: Ask) -> dict[str, Any]:
    shape: dict[str, Any] = _ASK.dump_python(ask, mode="json", by_alias=True)
    return shape


def ask_from(shape: Any) -> Ask:
    """Raises IF_ERR_USAGE for what is no ask."""
    try:
        return _ASK.validate_python(shape)
    except ValidationError as error:
        raise _misshapen("ask", error) from None


def report_to(report: Report) -> dict[str, Any]:
    shape = {
        name: adapter.dump_python(getattr(report, name), mode="json", by_alias=True)
        for name, adapter in _REPORT.items()
    }
    shape["error"] = None if report.error is None else error_to(report.error)
    shape["receipt"] = None if report.receipt is None else bytes_to(report.receipt)
    return shape


def report_from(shape: Any) -> Report:
    """Raises IF_ERR_SERVER_ANSWER for what is no report."""
    try:
        members = {name: adapter.validate_python(shape[name]) for name, adapter in _REPORT.items()}
        error, receipt = shape["error"], shape["receipt"]
        return Report(
            **members,
            error=None if error is None else error_from(error),
            receipt=None if receipt is None else bytes_from(receipt),
        )
    except (ValidationError, KeyError, TypeError) as problem:
        raise FabricError(Code.SERVER_ANSWER, f"the kernel's report cannot be read: {_first(problem)}") from None


def replayed_to(replayed: Replayed) -> dict[str, Any]:
    shape: dict[str, Any] = _REPLAYED.dump_python(replayed, mode="json")
    return shape


def replayed_from(shape: Any) -> Replayed:
    try:
        return _REPLAYED.validate_python(shape)
    except ValidationError as error:
        raise FabricError(Code.SERVER_ANSWER, f"what was replayed cannot be read: {_first(error)}") from None


def appended_to(appended: tuple[Appended, ...]) -> list[Any]:
    shape: list[Any] = _APPENDED.dump_python(appended, mode="json")
    return shape


def appended_from(shape: Any) -> tuple[Appended, ...]:
    try:
        return _APPENDED.validate_python(shape)
    except ValidationError as error:
        raise FabricError(Code.SERVER_ANSWER, f"where the entries are cannot be read: {_first(error)}") from None


def entry_to(entry: Entry) -> dict[str, Any]:
    return {"kind": entry.kind.value, "body": entry.body.as_json(), "action": entry.action, "actor": entry.actor}


def entry_from(shape: Mapping[str, Any]) -> Entry:
    """Raises IF_ERR_USAGE for what is no entry of a kind that this version writes."""
    try:
        kind = Kind(shape["kind"])
        body = BODIES[kind].model_validate(shape["body"])
        return Entry(kind, body, action=str(shape["action"]), actor=str(shape["actor"]))
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise _misshapen("entry", error) from None


def error_to(error: FabricError) -> dict[str, Any]:
    return dict(error.as_json())


def error_from(shape: Mapping[str, Any]) -> FabricError:
    """The refusal that the other side raised; IF_ERR_SERVER_ANSWER where it is none."""
    try:
        after = shape.get("retry_after")
        return FabricError(
            Code(shape["code"]),
            str(shape["message"]),
            remedy=str(shape["remedy"]),
            retry_after=None if after is None else float(after),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return FabricError(Code.SERVER_ANSWER, "the kernel refused in words that cannot be read")


def bytes_to(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def bytes_from(text: Any) -> bytes:
    """Raises IF_ERR_SERVER_ANSWER for what is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise FabricError(Code.SERVER_ANSWER, "what should be base64 is none") from None


def _misshapen(what: str, error: Exception) -> FabricError:
    return FabricError(Code.USAGE, f"this is no {what}: {_first(error)}")


def _first(error: Exception) -> str:
    """Where it is wrong. The value is not repeated: it may be a secret."""
    if isinstance(error, ValidationError):
        one = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
    return f"{type(error).__name__}: {error}"
