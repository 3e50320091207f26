"""Manifest text → a checked manifest, together with the very data that its signatures cover.

A `Document` is a manifest with the digests of its files: signed, or about to be. A `Draft` is what an author writes:
no signature yet, and `files` may be a plain list of names. The model is `kernel.words.manifest`; the published JSON
Schema is checked first, because it converts nothing. Pure: no file is read but that schema.
"""

from __future__ import annotations

import functools
import json
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jsonschema
import pydantic
from jsonschema import Draft202012Validator

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect, Manifest, is_placeholder
from infrafabric.registry import plain_yaml
from infrafabric.registry.schemas import check_pattern, check_schema

__all__ = ["MANIFEST_FILE", "MAX_BYTES", "RUNTIMES", "Document", "Draft", "parse", "parse_draft"]

MAX_BYTES = 256 * 1024
"""Size of a manifest's text."""
MAX_FILES = 256
MANIFEST_FILE = "manifest.yaml"
"""Name of the manifest in a bundle's folder; no other file of the bundle may have it."""
RUNTIMES: Mapping[str, re.Pattern[str]] = {
    "python/1": re.compile(r"(?P<file>[A-Za-z0-9_./-]+\.py):(?P<class>[A-Za-z_][A-Za-z0-9_]{0,99})"),
    "component/1": re.compile(r"(?P<file>[A-Za-z0-9_./-]+\.wasm)"),
}
"""Runtime → the form of its entrypoint."""
_WINDOWS_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_PLACE = re.compile(r"\{([^{}]*)\}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]-]{0,99}")


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest and the JSON that it was parsed from. Signatures are made and verified over `data`."""

    manifest: Manifest
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """An unsigned manifest as its author writes it."""

    manifest: Manifest
    """With no `files`."""
    data: Mapping[str, Any]
    """Without `files`, `signature`, `signatures`."""
    files: tuple[str, ...]
    """Names of the bundle's files, in the order given."""


def parse(text: bytes) -> Document:
    """The manifest in `text`, YAML or JSON.

    Raises IF_ERR_MANIFEST_TOO_LARGE, IF_ERR_MANIFEST_SYNTAX with the line, IF_ERR_MANIFEST_INVALID with the member,
    IF_ERR_BUNDLE_PATH for names that leave the bundle, IF_ERR_RUNTIME_UNKNOWN, IF_ERR_ENTRYPOINT_INVALID. Signatures
    are not verified here.
    """
    data = _read(text)
    files = data.get("files", {})
    return Document(_checked(data, files if isinstance(files, dict) else ()), data)


def parse_draft(text: bytes) -> Draft:
    """The draft in `text`. Digests and signatures that it may hold are passed over. Raises as `parse` does."""
    data = _read(text)
    files = data.get("files", [])
    if not isinstance(files, (list, dict)) or not all(isinstance(name, str) for name in files):
        raise FabricError(Code.MANIFEST_INVALID, "files: a list of file names, or their digests by name")
    if len(set(files)) != len(files):
        raise FabricError(Code.MANIFEST_INVALID, "files: a name stands twice")
    names = tuple(files)
    bare = {name: value for name, value in data.items() if name not in ("files", "signature", "signatures")}
    return Draft(_checked(bare, names), bare, names)


def _read(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_BYTES:
        raise FabricError(Code.MANIFEST_TOO_LARGE, f"the manifest has {len(text)} bytes, more than {MAX_BYTES}")
    data = plain_yaml.loads(text)
    if not isinstance(data, dict):
        raise FabricError(Code.MANIFEST_INVALID, "a manifest is a mapping of members")
    return data


def _checked(data: Mapping[str, Any], files: Iterable[str]) -> Manifest:
    names = tuple(files)
    entrypoint = data.get("entrypoint", "")
    _check_names(names)
    if isinstance(entrypoint, str):
        _check_name(entrypoint.partition(":")[0], "entrypoint")
    _check_published(data)
    try:
        manifest = Manifest.model_validate(data)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _invalid(".".join(map(str, first["loc"])) or "manifest", first["msg"][:200]) from None
    _check_entrypoint(manifest, names)
    check_schema(manifest.intent, "intent")
    for name, effect in manifest.effects.items():
        _check_effect(manifest, effect, f"effects.{name}")
    _check_secrets(manifest.connection, manifest, "connection")
    if manifest.signals is not None:
        _check_secrets(manifest.signals.connection, manifest, "signals.connection")
        _check_secrets(manifest.signals.subscribe, manifest, "signals.subscribe")
    return manifest


# --- names ---------------------------------------------------------------------------------------------------------


def _check_names(names: tuple[str, ...]) -> None:
    """Refuse names that leave the folder, or that cannot all be files of one folder on every system."""
    if len(names) > MAX_FILES:
        raise _invalid("files", f"{len(names)} files where {MAX_FILES} are taken")
    folded: set[str] = set()
    for name in names:
        _check_name(name, "files")
        if name.lower() in folded or name.lower() == MANIFEST_FILE:
            raise FabricError(Code.BUNDLE_PATH, f"files: {name[:80]!r} collides with another file of the bundle")
        folded.add(name.lower())
    for name in folded:
        parts = name.split("/")
        if any("/".join(parts[:depth]) in folded for depth in range(1, len(parts))):
            raise FabricError(Code.BUNDLE_PATH, f"files: {name[:80]!r} lies below another file of the bundle")


def _check_name(name: str, where: str) -> None:
    for part in name.split("/"):
        leaves = part in ("", ".", "..") or "\\" in part or ":" in part or "\0" in part
        if leaves or part.endswith(".") or _WINDOWS_DEVICE.fullmatch(part):
            raise FabricError(Code.BUNDLE_PATH, f"{where}: {name[:80]!r} is no plain name below the bundle")


def _check_entrypoint(manifest: Manifest, names: tuple[str, ...]) -> None:
    form = RUNTIMES.get(manifest.runtime)
    if form is None:
        raise FabricError(Code.RUNTIME_UNKNOWN, f"runtime: {manifest.runtime!r} is none of {', '.join(RUNTIMES)}")
    found = form.fullmatch(manifest.entrypoint)
    if found is None or keyword.iskeyword(found.groupdict().get("class", "")):
        wanted = "file.py:Class" if manifest.runtime == "python/1" else "file.wasm"
        raise FabricError(Code.ENTRYPOINT_INVALID, f"entrypoint: {manifest.entrypoint[:80]!r} is not {wanted}")
    if found["file"] not in names:
        raise FabricError(Code.ENTRYPOINT_INVALID, f"entrypoint: {found['file'][:80]!r} is not among the files")


# --- what the model leaves open ------------------------------------------------------------------------------------


def _check_published(data: Mapping[str, Any]) -> None:
    error = jsonschema.exceptions.best_match(_published().iter_errors(data))
    if error is not None:
        raise _invalid(".".join(map(str, error.absolute_path)) or "manifest", error.message[:200])


@functools.cache
def _published() -> Draft202012Validator:
    text = resources.files(__package__).joinpath("manifest.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def _check_effect(manifest: Manifest, effect: Effect, where: str) -> None:
    for name, schema in effect.arguments().items():
        if _ARGUMENT.fullmatch(name) is None:
            raise _invalid(where, f"{name[:64]!r} is no argument name")
        check_schema(schema, f"{where}.{name}")
    places = _PLACE.findall(effect.operation)
    if len(set(places)) != len(places):
        raise _invalid(where, "the operation has a place twice")
    if set(places) != set(effect.path):
        odd = min(set(places) ^ set(effect.path))
        raise _invalid(f"{where}.path", f"{odd[:64]!r} stands in the operation or in path, but not in both")
    for name in places:
        if not is_placeholder(effect.path[name]):
            raise _invalid(f"{where}.path.{name}", "a place in the path needs a JSON Schema")
        if name in effect.optional:
            raise _invalid(f"{where}.optional", f"{name!r} is a place in the path, which is always sent")
    for member in ("query", "headers", "form"):
        for name, value in getattr(effect, member).items():
            if isinstance(value, Mapping) and not is_placeholder(value) and not isinstance(value.get("secret"), str):
                raise _invalid(f"{where}.{member}.{name[:64]}", "neither a JSON Schema nor {secret: NAME}")
    for member in ("query", "headers", "form", "body", "view"):
        _check_secrets(getattr(effect, member), manifest, f"{where}.{'json' if member == 'body' else member}")
    for name, rule in effect.results.items():
        if _POINTER.fullmatch(rule.pointer) is None:
            raise _invalid(f"{where}.results.{name}.pointer", "no JSON Pointer (RFC 6901)")
        check_pattern(rule.pattern, f"{where}.results.{name}.pattern")


def _check_secrets(value: Any, manifest: Manifest, where: str) -> None:
    """Each `{secret: NAME}` must name a secret that the manifest requires: what is used was declared."""
    if isinstance(value, Mapping):
        if is_placeholder(value):
            return
        if isinstance(value.get("secret"), str) and value["secret"] not in manifest.requires.secrets:
            raise _invalid(where, f"the secret {value['secret'][:64]!r} is not named by requires.secrets")
        for key, item in value.items():
            _check_secrets(item, manifest, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_secrets(item, manifest, where)


def _invalid(where: str, what: str) -> FabricError:
    return FabricError(Code.MANIFEST_INVALID, f"{where}: {what}")
