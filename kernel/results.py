"""`{"$result": "change-1#/id"}`: an argument that an earlier change's answer gives.

Pure. The kernel resolves a reference to one scalar that matches a pattern which the manifest declares for it; a host, a
path prefix, a method, a header's name and a secret are no placeholders, so no reference can stand there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.schemas import matches_whole
from infrafabric.kernel.words.manifest import Effect, Manifest, ResultRule
from infrafabric.kernel.words.plan import Change

__all__ = ["check_references", "is_reference", "resolve"]

_REFERENCE = re.compile(r"(change-[1-9]\d{0,3})#((?:/(?:[^~/]|~[01])*)*)")
MAX_SCALAR = 512


def is_reference(value: object) -> bool:
    return isinstance(value, Mapping) and "$result" in value


def check_references(
    manifest: Manifest, effect: Effect, args: Mapping[str, Any], earlier: Mapping[str, Change], *, undoing: bool = False
) -> None:
    """Raise IF_ERR_RESULT_INVALID unless every reference in `args` is allowed.

    `earlier` holds the changes that will have been performed. A destructive write takes a reference only where it
    undoes (`undoing`) a write that creates.
    """
    for name, value in args.items():
        if not is_reference(value):
            if _holds_reference(value):
                raise FabricError(Code.RESULT_INVALID, f"argument {name}: a $result stands alone, not inside a value")
            continue
        source, _ = _source(manifest, name, value, earlier)
        if effect.destructive and not (undoing and source.creates):
            raise FabricError(
                Code.RESULT_INVALID, f"argument {name}: a destructive write may not take its target from an answer"
            )


def resolve(
    manifest: Manifest,
    args: Mapping[str, Any],
    earlier: Mapping[str, Change],
    answers: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """`args` with every reference replaced by its scalar. `answers` are the changes' observed answers, by change id.

    Raises IF_ERR_RESULT_INVALID where the answer has no such scalar or it does not match its pattern.
    """
    resolved: dict[str, Any] = {}
    for name, value in args.items():
        if not is_reference(value):
            resolved[name] = value
            continue
        change = str(value["$result"]).partition("#")[0]
        _, rule = _source(manifest, name, value, earlier)
        if change not in answers:
            raise FabricError(Code.RESULT_INVALID, f"argument {name}: {change} has not been performed")
        resolved[name] = _scalar(name, rule, answers[change])
    return resolved


def _source(manifest: Manifest, name: str, value: Any, earlier: Mapping[str, Change]) -> tuple[Effect, ResultRule]:
    text = value["$result"]
    match = _REFERENCE.fullmatch(text) if isinstance(text, str) and len(value) == 1 else None
    if match is None:
        raise FabricError(Code.RESULT_INVALID, f"argument {name}: a reference looks like change-1#/id")
    change = earlier.get(match[1])
    if change is None:
        raise FabricError(Code.RESULT_INVALID, f"argument {name}: {match[1]} is no earlier change")
    effect = manifest.effects[change.effect]
    for rule in effect.results.values():
        if rule.pointer == match[2]:
            return effect, rule
    raise FabricError(Code.RESULT_INVALID, f"argument {name}: {change.effect} declares no result at {match[2]!r}")


def _scalar(name: str, rule: ResultRule, answer: Mapping[str, Any]) -> str | int:
    value: Any = answer
    body = answer.get("body")
    if isinstance(body, str):
        try:
            value = json.loads(body)
        except ValueError:
            raise FabricError(Code.RESULT_INVALID, f"argument {name}: the answer is not JSON") from None
    for part in rule.pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise FabricError(Code.RESULT_INVALID, f"argument {name}: the answer has nothing at {rule.pointer!r}")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise FabricError(Code.RESULT_INVALID, f"argument {name}: the result is no text and no integer")
    text = str(value)
    if len(text) > MAX_SCALAR or not matches_whole(rule.pattern, text):
        raise FabricError(Code.RESULT_INVALID, f"argument {name}: the result does not match {rule.pattern!r}")
    return value


def _holds_reference(value: object) -> bool:
    if isinstance(value, Mapping):
        return "$result" in value or any(_holds_reference(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_holds_reference(item) for item in value)
