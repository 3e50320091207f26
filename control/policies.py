"""The policies in force: which they are, how the working copy differs, and taking a new set into force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrafabric.control.home import Home, write_atomically
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.policy.cedar import Policies, load_policies, problems
from infrafabric.policy.files import SUFFIX, digest_of, read_folder, shipped
from infrafabric.policy.invariants import OVERRIDING

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.control.operator import Operator
    from infrafabric.kernel.words.things import Target

__all__ = [
    "LOAD",
    "LOAD_SHIPPED",
    "checked_json",
    "differences",
    "doubtful_hazards",
    "doubtful_of_target",
    "has_working_copy",
    "in_force",
    "in_force_json",
    "load",
    "put_shipped",
    "take",
    "working_copy",
]

LOAD = 'ifctl policy load --why "…"'
LOAD_SHIPPED = 'ifctl policy load --shipped --why "…"'

Record = Callable[..., Awaitable[object]]
"""Appends entries, or raises."""


def in_force(house: House) -> dict[str, str]:
    """The files of the policies in force, by name; empty where there are none that an operator signed."""
    content = house.authority.get("policy", "set")
    return dict(content["files"]) if content is not None else {}


def working_copy(house: House, folder: Path | None = None) -> dict[str, str]:
    """The policy files of `folder`, else of the home. Raises IF_ERR_FILE_UNREADABLE, IF_ERR_POLICY_INVALID."""
    if folder is not None:
        return read_folder(folder)
    if not has_working_copy(house.home):
        raise FabricError(
            Code.FILE_UNREADABLE,
            f"{house.home.policies} holds no policies",
            remedy=f"`{LOAD_SHIPPED}` takes the set that ships, and puts its files there.",
        )
    return read_folder(house.home.policies)


def has_working_copy(home: Home) -> bool:
    """Whether the home has policy files. One that was made before there were policies has none."""
    return any(home.policies.glob(f"*{SUFFIX}"))


def put_shipped(home: Home) -> dict[str, str]:
    """The set that ships, its files put into a home that has none. Raises IF_ERR_EXISTS, IF_ERR_FILE_UNWRITABLE."""
    if has_working_copy(home):
        raise FabricError(
            Code.EXISTS,
            f"{home.policies} holds policies already, which are not overwritten",
            remedy="`ifctl policy load` takes those into force.",
        )
    files = shipped()
    try:
        home.policies.mkdir(mode=0o700, exist_ok=True)
        for name, text in files.items():
            write_atomically(home.policies / name, text.encode("utf-8"))
    except OSError as error:
        raise FabricError(Code.FILE_UNWRITABLE, f"{home.policies}: {error.strerror or error}") from None
    return files


def differences(files: Mapping[str, str], force: Mapping[str, str]) -> dict[str, str]:
    """By file name, how `files` differ from those in force: `added`, `changed`, `removed`."""
    found = {}
    for name in sorted({*files, *force}):
        if name not in force:
            found[name] = "added"
        elif name not in files:
            found[name] = "removed"
        elif files[name] != force[name]:
            found[name] = "changed"
    return found


def checked_json(house: House, files: Mapping[str, str]) -> dict[str, Any]:
    """Whether policies could be taken into force, all that is wrong with them, and how they differ from those that
    are."""
    found = problems(files)
    answer: dict[str, Any] = {
        "valid": not found,
        "problems": [{"file": one.file, "line": one.line, "message": one.message} for one in found],
        "differs": differences(files, in_force(house)),
    }
    if not found:
        policies = load_policies(files)
        doubtful = doubtful_hazards(house, policies)
        answer |= {"digest": policies.digest, "policies": len(policies.rules), "doubtful_hazards": doubtful}
    return answer


def in_force_json(house: House) -> dict[str, Any]:
    """The policies in force, whole, and what follows from each."""
    files = in_force(house)
    if not files:
        return {"in_force": False, "files": {}, "policies": [], "digest": ""}
    policies = load_policies(files)
    rules = [
        {
            "id": rule.id,
            "file": rule.piece.file,
            "line": rule.piece.line,
            "verdict": rule.verdict.value,
            "needs": rule.needs.as_json() if rule.needs is not None else None,
            "reason": rule.reason,
        }
        for rule in policies.rules.values()
    ]
    return {"in_force": True, "digest": policies.digest, "policies": rules, "files": files}


async def load(
    house: House, files: Mapping[str, str], why: str, operator: Operator, record: Record | None = None
) -> dict[str, Any]:
    """Take a set into force; what changed, as JSON. Raises as `take` does."""
    differs = differences(files, in_force(house))
    policies = await take(house, files, why, operator.trace, operator, record)
    return {"digest": policies.digest, "policies": len(policies.rules), "changed": differs}


async def take(
    house: House,
    files: Mapping[str, str],
    why: str,
    trace: str,
    operator: Operator | None = None,
    record: Record | None = None,
) -> Policies:
    """Take a set into force, signed by the operator, once it is found valid. By `record`, or as `House.record` does.

    Raises IF_ERR_POLICY_INVALID, and what `House.operator` and the recording raise; the former set then stays.
    IF_ERR_EXISTS where the very same files are in force already.
    """
    policies = load_policies(files)
    if dict(files) == in_force(house):
        raise FabricError(Code.EXISTS, "these very policies are in force already", remedy="There is nothing to do.")
    await (record or house.record)((operator or house.operator(trace)).policy(digest_of(files), files, why))
    return policies


def doubtful_hazards(house: House, policies: Policies) -> dict[str, str]:
    """Hazards that policies speak of and nobody declares, each with the declared one that it is nearly spelt like.

    Declared is what installed manifests, the home's targets and the shipped policies say.
    """
    known = _declared(house)
    for _, target in house.authority.scan("target"):
        known.update(hazard for hazards in target.get("hazards", {}).values() for hazard in hazards)
    return _nearly(policies.hazards() - known, known)


def doubtful_of_target(house: House, target: Target) -> dict[str, str]:
    """The same for the hazards of a target that is to be recorded: those that nothing but it speaks of.

    What the policies in force speak of is known here too.
    """
    known = _declared(house) | load_policies(in_force(house)).hazards()
    for name, other in house.authority.scan("target"):
        if name != target.name:
            known.update(hazard for hazards in other.get("hazards", {}).values() for hazard in hazards)
    return _nearly({hazard for hazards in target.hazards.values() for hazard in hazards} - known, known)


def _declared(house: House) -> set[str]:
    known = load_policies(shipped()).hazards() | OVERRIDING
    for manifest in house.manifests():
        known.update(hazard for effect in manifest.effects.values() for hazard in effect.hazards)
    return known


def _nearly(words: Collection[str], known: Collection[str]) -> dict[str, str]:
    """Of `words`, those that are nearly spelt like a known one, with that."""
    found = {}
    for word in sorted(words):
        if near := get_close_matches(word, sorted(known), 1, 0.8):
            found[word] = near[0]
    return found
