"""`$result`: one scalar of an earlier answer that matches the manifest's pattern, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.results import check_references, resolve
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.plan import Change

MANIFEST = Manifest.model_validate(
    {
        "id": "if://capability/shop.order",
        "version": "1.0.0",
        "summary": "Orders",
        "kind": "state",
        "runtime": "python/1",
        "entrypoint": "adapter.py:Orders",
        "intent": {"type": "object", "additionalProperties": False},
        "driver": "http",
        "effects": {
            "create": {
                "write": "POST /orders",
                "creates": True,
                "results": {"id": {"pointer": "/order/id", "pattern": "[a-z]{2}_[0-9]{1,6}"}},
            },
            "plain": {"write": "POST /plain", "results": {"id": {"pointer": "/id", "pattern": "[0-9]+"}}},
            "pay": {"write": "POST /pay", "json": {"order": {"type": "string"}}},
            "remove": {"write": "DELETE /orders/{id}", "path": {"id": {"type": "string"}}, "destructive": True},
        },
    }
)
EARLIER = {
    "change-1": Change(id="change-1", effect="create"),
    "change-2": Change(id="change-2", effect="plain"),
}
REFERENCE = {"order": {"$result": "change-1#/order/id"}}


def answer(body: Any) -> dict[str, Any]:
    return {"status": 201, "headers": {}, "body": json.dumps(body)}


def resolved(body: Any) -> dict[str, Any]:
    return resolve(MANIFEST, REFERENCE, EARLIER, {"change-1": answer(body)})


def test_a_reference_becomes_the_scalar_of_the_answer() -> None:
    check_references(MANIFEST, MANIFEST.effects["pay"], REFERENCE, EARLIER)
    assert resolved({"order": {"id": "or_12"}}) == {"order": "or_12"}


def test_plain_arguments_are_left_alone() -> None:
    args = {"order": "or_1", "list": [1, {"a": None}]}
    check_references(MANIFEST, MANIFEST.effects["pay"], args, EARLIER)
    assert resolve(MANIFEST, args, EARLIER, {}) == args


@pytest.mark.parametrize(
    "reference",
    [
        "change-9#/order/id",  # no such change
        "change-1#/order",  # an object, and not declared
        "change-1#/other",
        "change-1",
        "change-1#order/id",
        "change-0#/order/id",
        "change-1#/order/id ",
        7,
        None,
        {"a": 1},
    ],
)
def test_a_reference_to_nothing_declared_is_refused(reference: Any) -> None:
    with pytest.raises(FabricError) as refusal:
        check_references(MANIFEST, MANIFEST.effects["pay"], {"order": {"$result": reference}}, EARLIER)
    assert refusal.value.code is Code.RESULT_INVALID


@pytest.mark.parametrize("value", [[REFERENCE["order"]], {"x": REFERENCE["order"]}, {**REFERENCE["order"], "y": 1}])
def test_a_reference_stands_alone(value: Any) -> None:
    with pytest.raises(FabricError) as refusal:
        check_references(MANIFEST, MANIFEST.effects["pay"], {"order": value}, EARLIER)
    assert refusal.value.code is Code.RESULT_INVALID


def test_a_destructive_write_takes_its_target_only_to_undo_a_creation() -> None:
    remove = MANIFEST.effects["remove"]
    created, plain = {"id": {"$result": "change-1#/order/id"}}, {"id": {"$result": "change-2#/id"}}
    check_references(MANIFEST, remove, created, EARLIER, undoing=True)
    for args, undoing in ((created, False), (plain, True), (plain, False)):
        with pytest.raises(FabricError) as refusal:
            check_references(MANIFEST, remove, args, EARLIER, undoing=undoing)
        assert refusal.value.code is Code.RESULT_INVALID


@pytest.mark.parametrize(
    "body",
    [
        {"order": {"id": {"host": "evil.example"}}},
        {"order": {"id": ["or_12"]}},
        {"order": {"id": True}},
        {"order": {"id": None}},
        {"order": {"id": 1.5}},
        {"order": {"id": "or_12\n"}},
        {"order": {"id": "or_12/../../admin"}},
        {"order": {"id": "http://evil.example/"}},
        {"order": {"id": "or_" + "1" * 2000}},
        {"order": {}},
        {},
        [],
        "or_12",
    ],
)
def test_an_answer_that_is_no_such_scalar_is_refused(body: Any) -> None:
    with pytest.raises(FabricError) as refusal:
        resolved(body)
    assert refusal.value.code is Code.RESULT_INVALID


def test_an_answer_that_is_not_json_or_was_never_given_is_refused() -> None:
    for answers in ({"change-1": {"status": 200, "body": "<html>"}}, {}):
        with pytest.raises(FabricError) as refusal:
            resolve(MANIFEST, REFERENCE, EARLIER, answers)
        assert refusal.value.code is Code.RESULT_INVALID
