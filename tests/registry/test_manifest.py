"""Manifest text → a checked manifest, or the member that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry import manifest as registry_manifest
from infrafabric.registry import schema
from infrafabric.registry.manifest import parse, parse_draft

if TYPE_CHECKING:
    from press import Press

DIGEST = "sha256:" + "0" * 64
EXAMPLES = sorted((Path(registry_manifest.__file__).parent / "examples").glob("*.yaml"))


def refusal(text: bytes) -> FabricError:
    with pytest.raises(FabricError) as caught:
        parse(text)
    return caught.value


def changed(press: Press, **changes: Any) -> bytes:
    return json.dumps(press.data(**{"files": {"panel.py": DIGEST}, **changes})).encode()


def test_the_published_schema_is_current() -> None:
    assert schema.PATH.read_text("utf-8") == schema.published()


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.published()))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_worked_example_fits_the_schema_and_the_model(example: Path) -> None:
    text = example.read_bytes()
    document = parse(text)
    jsonschema.validate(document.data, json.loads(schema.PATH.read_text("utf-8")))
    assert document.manifest.driver == example.stem
    assert document.data == yaml.safe_load(text)  # an ordinary YAML reader sees the same in it


def test_the_worked_examples_show_every_member() -> None:
    published = json.loads(schema.published())
    examples = [parse(example.read_bytes()).data for example in EXAMPLES]
    assert set(published["properties"]) - set().union(*examples) == {"signature", "signatures", "requires_secrets"}
    effects = [effect for data in examples for effect in data["effects"].values()]
    assert set(published["$defs"]["Effect"]["properties"]) == set().union(*effects)
    assert set(published["$defs"]["Limits"]["properties"]) == set().union(*(data["limits"] for data in examples))
    required = [data["requires"] for data in examples]
    assert set(published["$defs"]["Requires"]["properties"]) == set().union(*required)


def test_a_manifest_reads_the_same_from_yaml_and_json(press: Press) -> None:
    data = press.data(files={"panel.py": DIGEST})
    from_json = parse(json.dumps(data).encode())
    from_yaml = parse(yaml.safe_dump(data).encode())
    assert from_json == from_yaml
    assert from_json.manifest.name == "lamp.panel"


def test_the_older_spelling_of_secrets_is_taken(press: Press) -> None:
    text = changed(press, requires={"settings": ["LAMP_HOST"]}, requires_secrets=["LAMP_TOKEN"])
    assert parse(text).manifest.requires.secrets == ("LAMP_TOKEN",)


WRITE = {"write": "PUT /panel"}


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"version": None}, "manifest"),
        ({"version": 1.0}, "version"),
        ({"version": "1.0"}, "version"),
        ({"version": "1.0.٣"}, "version"),
        ({"version": "1.0.0\n"}, "version"),
        ({"id": "vmix.switcher"}, "id"),
        ({"kind": "toggle"}, "kind"),
        ({"limits": {"rps": "3"}}, "limits.rps"),
        ({"limits": {"burst": True}}, "limits.burst"),
        ({"limits": {"speed": 1}}, "limits"),
        ({"files": {"panel.py": "sha256:1"}}, "files.panel.py"),
        ({"files": ["panel.py"]}, "files"),
        ({"effects": {}}, "effects"),
        ({"effects": {"dim": {**WRITE, "destructive": "on"}}}, "effects.dim.destructive"),
        ({"effects": {"dim": {**WRITE, "read": "GET /panel"}}}, "effects.dim"),
        ({"effects": {"dim": {}}}, "effects.dim"),
        ({"effects": {"dim": {**WRITE, "body": {}}}}, "effects.dim"),
        ({"effects": {"Dim": WRITE}}, "effects"),
        ({"effects": {"dim": {"write": "PUT /{a}/{a}", "path": {"a": {"type": "string"}}}}}, "effects.dim"),
        ({"effects": {"dim": {"write": "PUT /{level}"}}}, "effects.dim.path"),
        ({"effects": {"dim": {**WRITE, "path": {"level": {"type": "string"}}}}}, "effects.dim.path"),
        ({"effects": {"dim": {"write": "PUT /{level}", "path": {"level": "7"}}}}, "effects.dim.path.level"),
        (
            {"effects": {"dim": {"write": "PUT /{a}", "path": {"a": {"type": "string"}}, "optional": ["a"]}}},
            "effects.dim.optional",
        ),
        ({"effects": {"dim": {**WRITE, "query": {"a": {"type": "strin"}}}}}, "effects.dim.query.a"),
        ({"effects": {"dim": {**WRITE, "query": {"a": {"type": "string", "pattern": "("}}}}}, "effects.dim.a.pattern"),
        ({"effects": {"dim": {**WRITE, "headers": {"A": {"secret": "TOKEN"}}}}}, "effects.dim.headers"),
        ({"effects": {"dim": {**WRITE, "json": {"a": [{"b": {"secret": "TOKEN"}}]}}}}, "effects.dim.json.a.b"),
        ({"effects": {"dim": {**WRITE, "results": {"id": {"pointer": "id", "pattern": "."}}}}}, "effects.dim.results"),
        ({"effects": {"dim": {**WRITE, "results": {"id": {"pointer": "/id", "pattern": "["}}}}}, "effects.dim.results"),
        ({"intent": {"type": "object"}}, "manifest"),
        ({"intent": {"type": "object", "additionalProperties": False, "properties": {"a": {"type": 1}}}}, "intent"),
        ({"base": "http://{OTHER_HOST}"}, "manifest"),
        ({"signature": "ed25519:x:y"}, "signature"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_member(press: Press, changes: dict[str, Any], member: str) -> None:
    error = refusal(changed(press, **changes))
    assert error.code is Code.MANIFEST_INVALID
    assert error.message.startswith(member), error.message


@pytest.mark.parametrize(
    ("runtime", "entrypoint", "code"),
    [
        ("python/2", "panel.py:Panel", Code.RUNTIME_UNKNOWN),
        ("node/1", "panel.js", Code.RUNTIME_UNKNOWN),
        ("python/1", "panel.py", Code.ENTRYPOINT_INVALID),
        ("python/1", "panel.py:", Code.ENTRYPOINT_INVALID),
        ("python/1", "panel.py:class", Code.ENTRYPOINT_INVALID),
        ("python/1", "panel.py:a.b", Code.ENTRYPOINT_INVALID),
        ("python/1", "other.py:Panel", Code.ENTRYPOINT_INVALID),
        ("component/1", "panel.py:Panel", Code.ENTRYPOINT_INVALID),
        ("component/1", "panel.wasm", Code.ENTRYPOINT_INVALID),
    ],
)
def test_the_entrypoint_is_of_its_runtime_and_in_the_bundle(
    press: Press, runtime: str, entrypoint: str, code: Code
) -> None:
    assert refusal(changed(press, runtime=runtime, entrypoint=entrypoint)).code is code


def test_a_component_is_named_by_its_file(press: Press) -> None:
    text = changed(press, runtime="component/1", entrypoint="a/panel.wasm", files={"a/panel.wasm": DIGEST})
    assert parse(text).manifest.entrypoint == "a/panel.wasm"


def test_a_draft_lists_its_files_and_carries_nothing_signed(press: Press) -> None:
    draft = parse_draft(json.dumps(press.data()).encode())
    assert draft.files == ("panel.py",)
    assert set(draft.data) & {"files", "signature", "signatures"} == set()
    assert draft.manifest.files == {}


def test_a_signed_manifest_can_be_taken_as_a_draft_again(press: Press) -> None:
    draft = parse_draft(press.bundle().text)
    assert (draft.files, draft.data) == (("panel.py",), parse_draft(json.dumps(press.data()).encode()).data)


@pytest.mark.parametrize("files", [["panel.py", "panel.py"], [1], "panel.py", 7])
def test_a_draft_names_each_file_once(press: Press, files: object) -> None:
    with pytest.raises(FabricError) as caught:
        parse_draft(json.dumps(press.data(files=files)).encode())
    assert caught.value.code is Code.MANIFEST_INVALID


def test_text_that_is_no_mapping_is_refused() -> None:
    assert refusal(b"- a\n- b\n").code is Code.MANIFEST_INVALID
