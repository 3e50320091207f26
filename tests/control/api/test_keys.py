"""`/v1/keys`: adding, listing, rotating and revoking API keys over HTTP."""

from __future__ import annotations

import orjson
from served import Served

from infrafabric.control.operator import OPERATOR
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
