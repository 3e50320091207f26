"""The passkey routes: who may enrol, on what page, and what an answer has to be."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import httpx
import pytest
from authenticator import PRESENT, Authenticator
from console_browser import waiting
from served import Served

from infrafabric.control.console.answers import challenge_of
from infrafabric.control.console.challenges import LASTS_S, Challenges
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.words.access import AccessScope, Assertion
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.passkeys import base64url, from_base64url

HOST = "localhost:8400"


async def session(served: Served, talent: str = OPERATOR, host: str = HOST) -> httpx.AsyncClient:
    client = served.client("", Host=host, **{"User-Agent": "Firefox"})
    answer = await client.post("/v1/sessions", json={"token": served.service.sessions.link(talent)})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def parts(signed: Assertion) -> dict[str, str]:
    return signed.model_dump(include={"credential", "authenticator_data", "client_data", "signature"})


async def enrolment(client: httpx.AsyncClient, device: Authenticator, shown: Authenticator | None = None) -> Any:
    options = (await client.post("/v1/passkeys/options", json={})).json()["options"]
    challenge = from_base64url(options["challenge"])
    made = device.enrol(challenge)
    return {
        "challenge": options["challenge"],
        "registration": {
            "id": made["id"],
            "client_data": made["response"]["clientDataJSON"],
            "attestation": made["response"]["attestationObject"],
        },
        "shown": parts(shown.sign(challenge)) if shown is not None else None,
        "label": "a phone",
        "why": "a test",
    }


def path_of(device: Authenticator) -> str:
    return f"/v1/passkeys/{base64url(device.id)}/revoke"


async def revocation(client: httpx.AsyncClient, device: Authenticator, shown: Authenticator | None = None) -> Any:
    """The body that revokes `device`, with `shown` as what is shown, else itself."""
    options = (await client.post(path_of(device) + "/options", json={})).json()
    signed = (shown or device).sign(from_base64url(options["challenge"]))
    return {"challenge": options["challenge"], "shown": parts(signed), "why": "lost"}


async def refused(client: httpx.AsyncClient, path: str, body: Any) -> str:
    answer = await client.post(path, json=body)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


async def test_enrolling_and_revoking(served: Served) -> None:
    client, device = await session(served), Authenticator()
    made = await client.post("/v1/passkeys", json=await enrolment(client, device))
    assert made.status_code == 201, made.text
    assert made.json() == {"id": base64url(device.id), "talent": OPERATOR, "rp_id": "localhost", "label": "a phone"}
    assert (await client.get("/v1/passkeys")).json()["passkeys"] == [made.json()]
    known = served.house.authority.get("passkey", base64url(device.id))
    assert known is not None and known["public_key"] == base64url(device.public_key)
    gone = await client.post(path_of(device), json=await revocation(client, device))
    assert gone.status_code == 200, gone.text
    assert (await client.get("/v1/passkeys")).json()["passkeys"] == []


async def test_who_has_one_shows_it_first(served: Served) -> None:
    client, first, second = await session(served), Authenticator(), Authenticator()
    assert (await client.post("/v1/passkeys", json=await enrolment(client, first))).status_code == 201
    assert await refused(client, "/v1/passkeys", await enrolment(client, second)) == "IF_ERR_PASSKEY_INVALID"
    assert await refused(client, "/v1/passkeys", await enrolment(client, second, second)) == "IF_ERR_PASSKEY_UNKNOWN"
    stale = {**await enrolment(client, second), "shown": parts(first.sign(secrets.token_bytes(32)))}
    assert await refused(client, "/v1/passkeys", stale) == "IF_ERR_PASSKEY_INVALID"
    again = await enrolment(client, first, first)
    assert await refused(client, "/v1/passkeys", again) == "IF_ERR_PASSKEY_INVALID", "enrolled already"
    assert (await client.post("/v1/passkeys", json=await enrolment(client, second, first))).status_code == 201


async def test_a_stolen_session_makes_no_room_for_a_passkey_of_its_own(served: Served) -> None:
    """Neither by revoking the owner's, nor by waiting until it is revoked, nor on a page of another name."""
    owner, thief = await session(served), await session(served)
    ours, theirs = Authenticator(), Authenticator()
    assert (await owner.post("/v1/passkeys", json=await enrolment(owner, ours))).status_code == 201
    enrol = "/v1/passkeys"
    assert await refused(thief, path_of(ours), {"why": "x"}) == "IF_ERR_PASSKEY_INVALID"
    assert await refused(thief, path_of(ours), await revocation(thief, ours, theirs)) == "IF_ERR_PASSKEY_UNKNOWN"
    borrowed = await revocation(owner, ours)
    assert await refused(thief, path_of(ours), borrowed) == "IF_ERR_PASSKEY_INVALID", "another session's challenge"
    asked = await enrolment(thief, theirs, ours)  # the owner's device was made to confirm an enrolment
    lured = {"challenge": asked["challenge"], "shown": asked["shown"], "why": "x"}
    assert await refused(thief, path_of(ours), lured) == "IF_ERR_PASSKEY_INVALID", "made to enrol, not to revoke"
    elsewhere = await session(served, host="[::1]:8400")
    assert await refused(elsewhere, path_of(ours) + "/options", {}) == "IF_ERR_PASSKEY_INVALID"
    assert len(served.house.authority.scan("passkey")) == 1

    assert (await owner.post(path_of(ours), json=await revocation(owner, ours))).status_code == 200
    assert await refused(thief, enrol, await enrolment(thief, theirs)) == "IF_ERR_PASSKEY_INVALID", "it had one"
    assert served.house.authority.scan("passkey") == []
    fresh = await session(served)
    assert (await fresh.post(enrol, json=await enrolment(fresh, Authenticator()))).status_code == 201


async def test_a_passkey_of_another_name_is_one_to_show(served: Served) -> None:
    client, there = await session(served), Authenticator(rp_id="elsewhere.example")
    operator = served.house.operator(new_trace_id())
    await served.house.record(operator.passkey(there.passkey(OPERATOR), "test"))
    fresh = await session(served)
    for one in (client, fresh):
        assert await refused(one, "/v1/passkeys", await enrolment(one, Authenticator())) == "IF_ERR_PASSKEY_INVALID"
    assert len(served.house.authority.scan("passkey")) == 1


async def test_an_api_key_revokes_no_passkey_of_its_own(served: Served) -> None:
    client, device = await session(served), Authenticator()
    assert (await client.post("/v1/passkeys", json=await enrolment(client, device))).status_code == 201
    for scopes in ((AccessScope.APPROVE,), tuple(AccessScope)):
        by_key = served.client(await served.key(scopes=scopes), Host=HOST)
        for path, body in ((path_of(device), {"why": "x"}), (path_of(device) + "/options", {})):
            assert await refused(by_key, path, body) == "IF_ERR_SCOPE_MISSING"
        assert await refused(by_key, path_of(device), await revocation(client, device)) == "IF_ERR_SCOPE_MISSING"
    assert len(served.house.authority.scan("passkey")) == 1


async def test_two_first_passkeys_at_once_are_one(served: Served) -> None:
    client = await session(served)
    bodies = [await enrolment(client, Authenticator()) for _ in range(3)]
    made = await asyncio.gather(*(client.post("/v1/passkeys", json=body) for body in bodies))
    assert sorted(one.status_code for one in made) == [201, 422, 422]
    assert len(served.house.authority.scan("passkey")) == 1


async def test_an_operator_revokes_anothers_and_its_person_comes_by_a_fresh_link(served: Served) -> None:
    person = Talent(id="if://person/ann", roles=("approver",))
    await served.house.record(served.house.operator(new_trace_id()).talent(person, "test"))
    ann, device = await session(served, person.id), Authenticator()
    assert (await ann.post("/v1/passkeys", json=await enrolment(ann, device))).status_code == 201
    operator = await session(served)
    assert (await operator.post(path_of(device), json={"why": "lost"})).status_code == 200
    assert await refused(ann, "/v1/passkeys", await enrolment(ann, Authenticator())) == "IF_ERR_PASSKEY_INVALID"
    fresh = await session(served, person.id)
    assert (await fresh.post("/v1/passkeys", json=await enrolment(fresh, Authenticator()))).status_code == 201


async def test_what_is_no_enrolment(served: Served) -> None:
    client = await session(served)
    for device in (Authenticator(flags=PRESENT), Authenticator(origin="http://localhost:9999")):
        assert await refused(client, "/v1/passkeys", await enrolment(client, device)) == "IF_ERR_PASSKEY_INVALID"
    elsewhere = await session(served)
    borrowed = await enrolment(elsewhere, Authenticator())
    assert await refused(client, "/v1/passkeys", borrowed) == "IF_ERR_PASSKEY_INVALID", "another session's challenge"
    without_why = {**await enrolment(client, Authenticator()), "why": " "}
    assert await refused(client, "/v1/passkeys", without_why) == "IF_ERR_WHY_REQUIRED"
    by_address = await session(served, host="127.0.0.1:8400")
    assert await refused(by_address, "/v1/passkeys/options", {}) == "IF_ERR_PASSKEY_INVALID"
    by_key = await served.operator()
    by_key.headers["Host"] = HOST
    assert await refused(by_key, "/v1/passkeys/options", {}) == "IF_ERR_SCOPE_MISSING"
    agent = await session(served, await served.talent("Scout"))
    assert await refused(agent, "/v1/passkeys/options", {}) == "IF_ERR_PASSKEY_INVALID"
    assert served.house.authority.scan("passkey") == []


async def test_the_operators_key_is_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client, device = await session(served), Authenticator()
    body = await enrolment(client, device)
    monkeypatch.setattr("infrafabric.control.api.administering.at_hand", lambda house: False)
    assert await refused(client, "/v1/passkeys", body) == "IF_ERR_OPERATOR_AWAY"
    assert served.house.authority.scan("passkey") == []


async def test_another_tenants_passkey_is_none(served: Served) -> None:
    client, device = await session(served), Authenticator()
    assert (await client.post("/v1/passkeys", json=await enrolment(client, device))).status_code == 201
    stranger = await session(served, await served.talent("Stranger", tenant="elsewhere"))
    path = f"/v1/passkeys/{base64url(device.id)}/revoke"
    assert await refused(stranger, path, {"why": "a test"}) == "IF_ERR_PASSKEY_UNKNOWN"
    colleague = await session(served, await served.talent("Colleague"))
    assert await refused(colleague, path, {"why": "a test"}) == "IF_ERR_DENIED"
    assert (await colleague.get("/v1/passkeys", params={"talent": "operator"})).status_code == 403
    assert len(served.house.authority.scan("passkey")) == 1


async def test_answers(served: Served) -> None:
    client, device = await session(served), Authenticator()
    await client.post("/v1/passkeys", json=await enrolment(client, device))
    report = await waiting(served)
    path = f"/v1/approvals/{report.action}/passkey"
    asked = History.of(report.action, served.house.log.entries(report.action)).asked
    options = (await client.get(path)).json()
    assert options["passkeys"] == [{"type": "public-key", "id": base64url(device.id)}]
    assert options["statement"]["context_digest"] == asked.context_digest

    agree = challenge_of(asked, OPERATOR, asked.decision.verdict)
    body = {"answer": "agree", "signed": parts(device.sign(agree)), "why": "it is right"}
    deny = {**body, "signed": parts(device.sign(challenge_of(asked, OPERATOR, Verdict.DENY)))}
    assert await refused(client, path, deny) == "IF_ERR_PASSKEY_INVALID", "a refusal is no agreement"
    assert await refused(client, path, {**body, "answer": "refuse"}) == "IF_ERR_PASSKEY_INVALID"
    other_page = Authenticator(key=device.key, id=device.id, origin="http://localhost:9999")
    assert await refused(client, path, {**body, "signed": parts(other_page.sign(agree))}) == "IF_ERR_PASSKEY_INVALID"
    stranger = {**body, "signed": parts(Authenticator().sign(agree))}
    assert await refused(client, path, stranger) == "IF_ERR_PASSKEY_UNKNOWN"
    elsewhere = await session(served, await served.talent("Stranger", tenant="elsewhere"))
    assert await refused(elsewhere, path, body) == "IF_ERR_QUESTION_UNKNOWN"
    assert served.world.peer.writes == []
    done = await client.post(path, json=body)
    assert (done.status_code, done.json()["outcome"]) == (200, "converged")
    assert await refused(client, path, body) == "IF_ERR_QUESTION_UNKNOWN", "it was used"
    assert served.world.peer.writes == ["POST /lamps/hall"]


def test_challenges() -> None:
    ours, theirs = Challenges(b"a" * 32), Challenges(b"b" * 32)
    made = ours.new("session-1", 1_000.0)
    ours.check(made, "session-1", 1_000.0 + LASTS_S - 1)
    for maker, challenge, who, now in (
        (theirs, made, "session-1", 1_000.0),
        (ours, made, "session-2", 1_000.0),
        (ours, made, "session-1", 1_000.0 + LASTS_S),
        (ours, made[:-1], "session-1", 1_000.0),
        (ours, b"", "session-1", 1_000.0),
    ):
        with pytest.raises(FabricError) as caught:
            maker.check(challenge, who, now)
        assert caught.value.code is Code.PASSKEY_INVALID
    assert ours.new("session-1", 1_000.0) != made
