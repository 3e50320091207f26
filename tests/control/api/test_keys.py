"""`/v1/keys`: adding, listing, rotating and revoking API keys over HTTP."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest
from served import Served

from infrafabric.control.api.service import OWN_CHANGES
from infrafabric.control.house import House
from infrafabric.control.operator import OPERATOR, Operator
from infrafabric.kernel.words.access import AccessScope

READ = {"talent": OPERATOR, "scopes": ["read"], "why": "a dashboard"}


async def test_an_added_key_opens_the_door_and_its_text_is_kept_nowhere(served: Served) -> None:
    operator = await served.operator()
    made = await operator.post("/v1/keys", json={**READ, "label": "wall", "expires": "30d"})
    assert made.status_code == 201, made.text
    shape = made.json()
    assert (shape["change"], shape["key"]["label"], shape["key"]["scopes"]) == ("added", "wall", ["read"])
    assert made.headers["location"] == f"/v1/keys/{shape['key']['id']}"
    assert (await served.client(shape["text"]).get("/v1/capabilities")).status_code == 200
    secret = shape["text"].rsplit("_", 1)[1].encode()
    assert all(secret not in path.read_bytes() for path in served.house.home.root.rglob("*") if path.is_file())


async def test_the_log_says_who_asked_for_the_key_and_why(served: Served) -> None:
    agent = await served.talent("Deputy", roles=["operator"])
    asked = served.client(await served.key(agent), traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    assert (await asked.post("/v1/keys", json=READ)).status_code == 201
    stored = served.house.log.entry(served.house.log.size - 1).body
    assert stored is not None
    body = orjson.loads(stored)
    assert (body["talent"], body["why"], body["trace"]) == (agent, "a dashboard", "ab" * 16)


async def test_keys_are_listed_in_pages_without_what_they_are_recognised_by(served: Served) -> None:
    operator = await served.operator()
    for _ in range(4):
        await served.key()
    first = await operator.get("/v1/keys", params={"limit": 3})
    second = await operator.get("/v1/keys", params={"limit": 3, "cursor": first.json()["next"]})
    ids = [row["id"] for page in (first, second) for row in page.json()["keys"]]
    assert (len(ids), len(set(ids)), second.json()["next"]) == (5, 5, None)
    assert 'rel="next"' in first.headers["link"]
    assert "digest" not in first.text


async def test_a_cursor_of_another_list_is_none(served: Served) -> None:
    operator = await served.operator()
    await served.key()
    cursor = (await operator.get("/v1/keys", params={"limit": 1})).json()["next"]
    for params in ({"cursor": cursor, "talent": OPERATOR}, {"cursor": "bm9uZQ"}, {"cursor": "%%%"}):
        answer = await operator.get("/v1/keys", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_CURSOR_INVALID")


async def test_the_same_idempotency_key_makes_one_key(served: Served) -> None:
    operator = await served.operator()
    headers = {"Idempotency-Key": "once"}
    first = await operator.post("/v1/keys", json=READ, headers=headers)
    again = await operator.post("/v1/keys", json=READ, headers=headers)
    assert first.json() == again.json()
    other = await operator.post("/v1/keys", json={**READ, "why": "another"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "IF_ERR_IDEMPOTENCY_CONFLICT")


async def test_a_rotated_key_follows_the_old_one_which_ends(served: Served) -> None:
    operator = await served.operator()
    old = await served.key()
    name = old.split("_")[1]
    made = await operator.post(f"/v1/keys/{name}/rotate", json={"why": "yearly", "overlap_s": 0})
    assert made.status_code == 201, made.text
    assert made.json()["key"]["follows"] == name
    assert (await served.client(made.json()["text"]).get("/v1/capabilities")).status_code == 200
    assert (await served.client(old).get("/v1/capabilities")).status_code == 401


async def test_a_rotated_key_goes_on_for_the_overlap_and_no_longer_than_it_would_have(served: Served) -> None:
    operator = await served.operator()
    old = await served.key(expires="2030-01-01T00:00:00Z")
    made = await operator.post(f"/v1/keys/{old.split('_')[1]}/rotate", json={"why": "x", "overlap_s": 600})
    assert made.json()["key"]["expires"] == "2030-01-01T00:00:00Z"
    assert made.json()["old"]["expires"] < "2030-01-01T00:00:00Z"
    assert (await served.client(old).get("/v1/capabilities")).status_code == 200


async def test_a_revoked_key_is_none_at_once(served: Served) -> None:
    operator = await served.operator()
    key = await served.key()
    answer = await operator.post(f"/v1/keys/{key.split('_')[1]}/revoke", json={"why": "leaked"})
    assert (answer.status_code, answer.json()["change"]) == (200, "revoked")
    refused = await served.client(key).get("/v1/capabilities")
    assert (refused.status_code, refused.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_an_owner_rotates_its_own_key_and_sees_no_others(served: Served) -> None:
    agent = await served.talent("Sensor")
    await served.key()
    own = await served.key(agent, [AccessScope.READ])
    client = served.client(own)
    assert [row["talent"] for row in (await client.get("/v1/keys")).json()["keys"]] == [agent]
    made = await client.post(f"/v1/keys/{own.split('_')[1]}/rotate", json={"why": "monthly"})
    assert made.status_code == 201, made.text
    assert made.json()["key"]["scopes"] == ["read"]


async def test_a_narrow_key_does_not_rotate_a_wider_one_of_the_same_talent(served: Served) -> None:
    agent = await served.talent("Sensor")
    wide = await served.key(agent)
    narrow = served.client(await served.key(agent, [AccessScope.READ]))
    for verb in ("rotate", "revoke"):
        answer = await narrow.post(f"/v1/keys/{wide.split('_')[1]}/{verb}", json={"why": "more"})
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    assert (await served.client(wide).get("/v1/capabilities")).status_code == 200


async def test_an_owner_does_not_lengthen_its_own_key(served: Served) -> None:
    agent = await served.talent("Sensor")
    own = await served.key(agent, expires="2030-01-01T00:00:00Z")
    answer = await served.client(own).post(
        f"/v1/keys/{own.split('_')[1]}/rotate", json={"why": "longer", "expires": "2050-01-01T00:00:00Z"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_who_is_no_operator_adds_no_keys(served: Served) -> None:
    agent = await served.talent("Sensor")
    answer = await served.client(await served.key(agent)).post("/v1/keys", json={**READ, "talent": agent})
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_what_is_not_of_the_form_is_refused_by_name(served: Served) -> None:
    operator = await served.operator()
    for body, code in (
        ({**READ, "scopes": []}, "IF_ERR_USAGE"),
        ({**READ, "scopes": ["all"]}, "IF_ERR_USAGE"),
        ({**READ, "admin": True}, "IF_ERR_USAGE"),
        ({**READ, "expires": "2001-01-01"}, "IF_ERR_USAGE"),
        ({**READ, "expires": "soon"}, "IF_ERR_USAGE"),
        ({**READ, "talent": "Nobody"}, "IF_ERR_TALENT_UNKNOWN"),
        ({**READ, "why": " "}, "IF_ERR_WHY_REQUIRED"),
    ):
        answer = await operator.post("/v1/keys", json=body)
        assert answer.json()["code"] == code, body


async def test_one_key_has_an_etag(served: Served) -> None:
    operator = await served.operator()
    key = (await served.key()).split("_")[1]
    answer = await operator.get(f"/v1/keys/{key}")
    again = await operator.get(f"/v1/keys/{key}", headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.status_code, again.status_code, again.content) == (200, 304, b"")


async def test_a_key_that_is_over_is_not_brought_back_by_rotating_it(served: Served) -> None:
    over = (await served.key(expires="2020-01-01T00:00:00Z")).split("_")[1]
    answer = await (await served.operator()).post(f"/v1/keys/{over}/rotate", json={"why": "late"})
    assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_USAGE")


async def test_what_was_made_under_an_idempotency_key_is_told_to_the_same_credentials_alone(served: Served) -> None:
    """The answer holds a key's text."""
    agent = await served.talent("Deputy", roles=["operator"])
    strong = await served.key(agent)
    headers = {"Idempotency-Key": "once"}
    wanted = {"talent": agent, "scopes": ["read", "act"], "why": "nightly"}
    made = await served.client(strong).post("/v1/keys", json=wanted, headers=headers)
    text = made.json()["text"]
    rotated = f"/v1/keys/{made.json()['key']['id']}/rotate"
    heir = await served.client(strong).post(rotated, json={"why": "monthly"}, headers=headers)
    assert (made.status_code, heir.status_code) == (201, 201)
    weaker = served.client(await served.key(agent, [AccessScope.READ, AccessScope.ADMINISTER]))
    weakest = served.client(await served.key(agent, [AccessScope.READ]))
    other = await weaker.post("/v1/keys", json=wanted, headers=headers)
    assert other.json()["key"]["id"] != made.json()["key"]["id"]
    assert text not in other.text
    refused = await weakest.post(rotated, json={"why": "monthly"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")


async def test_an_answer_that_was_kept_is_told_to_who_may_still_ask_for_it(served: Served) -> None:
    await served.talent("Deputy", roles=["operator"])
    agent = "if://agent/Deputy"
    client = served.client(await served.key(agent))
    headers = {"Idempotency-Key": "once"}
    assert (await client.post("/v1/keys", json=READ, headers=headers)).status_code == 201
    assert (await client.post("/v1/keys", json=READ, headers=headers)).status_code == 201
    await served.talent("Deputy")
    answer = await client.post("/v1/keys", json=READ, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_a_rotation_is_answered_again_though_the_old_key_is_gone(served: Served) -> None:
    operator = await served.operator()
    name = (await served.key()).split("_")[1]
    asked = {"why": "leaked", "overlap_s": 0}
    first = await operator.post(f"/v1/keys/{name}/rotate", json=asked, headers={"Idempotency-Key": "once"})
    again = await operator.post(f"/v1/keys/{name}/rotate", json=asked, headers={"Idempotency-Key": "once"})
    assert (first.status_code, first.json()) == (201, again.json())


async def test_by_a_key_that_ends_none_is_had_that_lasts_longer(served: Served) -> None:
    agent = await served.talent("Sensor")
    brief = served.client(await served.key(agent, expires="2031-01-01T00:00:00Z"))
    for expires in ("", "2040-01-01T00:00:00Z"):
        lasting = (await served.key(agent, expires=expires)).split("_")[1]
        made = await brief.post(f"/v1/keys/{lasting}/rotate", json={"why": "mine"})
        assert (made.status_code, made.json()["key"]["expires"]) == (201, "2031-01-01T00:00:00Z")
    briefer = (await served.key(agent, expires="2030-01-01T00:00:00Z")).split("_")[1]
    made = await brief.post(f"/v1/keys/{briefer}/rotate", json={"why": "mine"})
    assert made.json()["key"]["expires"] == "2030-01-01T00:00:00Z"


async def test_a_stolen_keys_heirs_are_named_and_end_with_it(served: Served) -> None:
    """Also those that came of heirs that hold no longer."""
    operator, agent = await served.operator(), await served.talent("Sensor")
    stolen, other = await served.key(agent), await served.key(agent)
    text, heirs = stolen, []
    for overlap in (3_600, 0, 0, 3_600):
        made = await served.client(text).post(
            f"/v1/keys/{text.split('_')[1]}/rotate", json={"why": "mine", "overlap_s": overlap}
        )
        assert made.status_code == 201, made.text
        text = made.json()["text"]
        heirs.append(text)
    beside = await served.client(other).post(f"/v1/keys/{other.split('_')[1]}/rotate", json={"why": "monthly"})
    hold = sorted(heir.split("_")[1] for heir in heirs[2:])
    name = stolen.split("_")[1]
    told = (await operator.post(f"/v1/keys/{name}/revoke", json={"why": "stolen", "heirs": True})).json()
    assert (sorted(row["id"] for row in told["revoked"]), told["followed_by"]) == (hold, [])
    for heir in heirs:
        assert (await served.client(heir).get("/v1/me")).status_code == 401
    assert (await served.client(beside.json()["text"]).get("/v1/me")).status_code == 200


async def test_what_follows_a_revoked_key_goes_on_unless_it_is_to_end(served: Served) -> None:
    agent = await served.talent("Sensor")
    old = await served.key(agent)
    name = old.split("_")[1]
    heir = (await served.client(old).post(f"/v1/keys/{name}/rotate", json={"why": "monthly"})).json()
    told = (await served.client(heir["text"]).post(f"/v1/keys/{name}/revoke", json={"why": "changed over"})).json()
    assert ([row["id"] for row in told["followed_by"]], told["revoked"]) == ([heir["key"]["id"]], [])
    assert (await served.client(heir["text"]).get("/v1/me")).status_code == 200


async def test_the_operators_key_is_loaded_once_at_a_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each loading takes as long, and as much memory, as its passphrase is to be hard to guess."""
    real, at_once, most = type(served.house).operator, 0, 0

    def operator(house: House, trace: str) -> Operator:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.02)
        at_once -= 1
        return real(house, trace)

    client = await served.operator()
    monkeypatch.setattr(type(served.house), "operator", operator)
    answers = await asyncio.gather(*(client.post("/v1/keys", json=READ) for _ in range(5)))
    assert ([answer.status_code for answer in answers], most) == ([201] * 5, 1)


async def test_a_talent_changes_its_own_keys_so_often_and_keeps_nobody_else_from_it(served: Served) -> None:
    agent, other = await served.talent("Sensor"), await served.talent("Other")
    client = served.client(await served.key(agent, [AccessScope.READ]))
    name = (await served.key(agent, [AccessScope.READ])).split("_")[1]
    asked = {"why": "again", "overlap_s": 3_600}
    codes = [(await client.post(f"/v1/keys/{name}/rotate", json=asked)).status_code for _ in range(OWN_CHANGES + 1)]
    assert codes == [*[201] * OWN_CHANGES, 429]
    theirs = await served.key(other)
    assert (await served.client(theirs).post(f"/v1/keys/{theirs.split('_')[1]}/rotate", json=asked)).status_code == 201
    assert (await (await served.operator()).post(f"/v1/keys/{name}/rotate", json=asked)).status_code == 201
