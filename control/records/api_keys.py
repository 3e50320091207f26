"""API keys as operators' records: fresh ones, those that follow others, and how each stands."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.things import Talent
from infrafabric.witness.store import Query

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = [
    "LONGEST_OVERLAP_S",
    "ending",
    "fresh_key",
    "heir_of",
    "heirs_of",
    "key_json",
    "keys_json",
    "known_key",
    "new_key_text",
]

LONGEST_OVERLAP_S = 90 * 86_400
_PAGE = 500
_ALPHABET = string.ascii_lowercase + string.digits


def new_key_text() -> tuple[str, str]:
    """A fresh key: its id and its text, `ifk_ID_SECRET`, which holds 256 random bits and is shown once."""
    found = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    return found, f"ifk_{found}_{secrets.token_urlsafe(32)}"


def fresh_key(
    talent: Talent, scopes: Iterable[AccessScope | str], expires: str = "", label: str = "", follows: str = ""
) -> tuple[ApiKey, str]:
    """A key of `talent` and its text. Nothing is recorded. Raises IF_ERR_USAGE."""
    name, text = new_key_text()
    try:
        value = ApiKey(
            id=name,
            talent=talent.id,
            tenant=talent.tenant,
            digest=sha256(text.encode()),
            scopes=tuple(dict.fromkeys(AccessScope(scope) for scope in scopes)),
            expires=expires,
            label=label,
            follows=follows,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise FabricError(Code.USAGE, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError:
        raise FabricError(Code.USAGE, f"a scope is one of {', '.join(AccessScope)}") from None
    return value, text


def known_key(house: House, name: str, sees: Callable[[str], bool] = lambda tenant: True) -> ApiKey:
    """The key of that id. Raises IF_ERR_API_KEY_UNKNOWN, also for one of a tenant that is not seen."""
    fact = house.authority.get("api_key", name)
    if fact is None or not sees(fact["tenant"]):
        raise FabricError(Code.API_KEY_UNKNOWN, f"there is no API key {name[:40]!r}")
    return ApiKey.model_validate(fact)


def heir_of(house: House, old: ApiKey, expires: str, latest: str = "") -> tuple[ApiKey, str]:
    """A fresh key that follows `old`, and its text: for the same talent and uses, until `expires`, else as the old one,
    and not beyond `latest`. Times are RFC 3339, "" for never.

    Raises IF_ERR_USAGE where that is over, IF_ERR_TALENT_*.
    """
    ends, now = [it for it in (expires or old.expires, latest) if it], house.clock()
    until = min(ends, key=datetime.fromisoformat, default="")
    if until and now >= datetime.fromisoformat(until):
        raise FabricError(Code.USAGE, f"the key {old.id} is over since {until}: say until when the new one holds")
    return fresh_key(house.authority.talent(old.talent), old.scopes, until, old.label, old.id)


def heirs_of(house: House, old: ApiKey) -> list[ApiKey]:
    """The keys that hold and came of `old` by rotation, also through keys that hold no longer."""
    held = [ApiKey.model_validate(value) for _, value in house.authority.scan("api_key")]
    wanted = {key.follows for key in held if key.talent == old.talent} - {"", old.id}
    follows = _followed(house, {key.id: key.follows for key in held}, wanted)
    return [key for key in held if old.id in _ancestors(key.id, follows)]


def _followed(house: House, known: Mapping[str, str], wanted: set[str]) -> dict[str, str]:
    """What each key follows, as `known` says, and as the log does of those `wanted`, and those before them."""
    found = dict(known)
    before: int | None = None
    while missing := {name for name in wanted if name and name not in found}:
        page = house.reading.find(Query(kind=Kind.API_KEY_CHANGED.value, before=before, limit=_PAGE))
        for entry in page:
            if entry.body is not None:
                found[entry.body["value"]["id"]] = entry.body["value"].get("follows", "")
        wanted = missing | {found[name] for name in missing if name in found}
        if len(page) < _PAGE:
            break
        before = page[-1].index
    return found


def _ancestors(name: str, follows: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    while (name := follows.get(name, "")) and name not in found:
        found.add(name)
    return found


def ending(old: ApiKey, now: datetime, overlap_s: float) -> ApiKey:
    """`old` as it holds for `overlap_s` seconds more, and never longer than it would have. Raises IF_ERR_USAGE."""
    if not 0 <= overlap_s <= LONGEST_OVERLAP_S:
        raise FabricError(Code.USAGE, f"an overlap is 0 to {LONGEST_OVERLAP_S} seconds")
    ends = f"{now + timedelta(seconds=overlap_s):%Y-%m-%dT%H:%M:%SZ}"
    return old.model_copy(update={"expires": min(ends, old.expires) if old.expires else ends})


def key_json(value: ApiKey, now: datetime) -> dict[str, Any]:
    """What is told of a key: all but how its text is recognised."""
    over = bool(value.expires) and now >= datetime.fromisoformat(value.expires)
    return {
        "id": value.id,
        "talent": value.talent,
        "tenant": value.tenant,
        "scopes": [scope.value for scope in value.scopes],
        "expires": value.expires or None,
        "label": value.label,
        "follows": value.follows or None,
        "expired": over,
    }


def keys_json(house: House, wanted: Callable[[ApiKey], bool]) -> list[dict[str, Any]]:
    """The keys that are not revoked, of those that are wanted, by talent and id."""
    now = house.clock()
    keys = [ApiKey.model_validate(value) for _, value in house.authority.scan("api_key")]
    return [key_json(key, now) for key in sorted(keys, key=lambda it: (it.talent, it.id)) if wanted(key)]
