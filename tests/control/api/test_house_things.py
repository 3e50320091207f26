"""What is the whole home's, over HTTP: capabilities, policies, trust, adapters, secrets, stops, breakers."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import httpx
from described import Described
from press import Press
from served import Served
from world import HOUSE

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.entries import BreakerChanged, Kind
from infrafabric.registry.archive import pack_archive
from infrafabric.registry.bundle import sign_bundle
from infrafabric.witness.store import Query

WHY = {"why": "the test says so"}
SECRET = "correct-horse-battery"
TAR = {"Content-Type": "application/x-tar"}
LAMPS: dict[str, Any] = {"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", **WHY}


async def test_capabilities_are_listed_shown_and_found(served: Served, api: httpx.AsyncClient) -> None:
    listed = await api.get("/v1/capabilities")
    assert {row["capability"].rpartition(".")[2] for row in listed.json()["capabilities"]} == {
        "bell", "chime", "gong", "lamps",
    }  # fmt: skip
    tag = listed.headers["etag"]
    assert (await api.get("/v1/capabilities", headers={"If-None-Match": tag})).status_code == 304
    shown = (await api.get("/v1/capabilities/house.lamps")).json()
    assert shown["manifest"]["intent"]["required"] == ["lamps"]
    full = (await api.get("/v1/capabilities/if%3A%2F%2Fcapability%2Fhouse.lamps")).json()
    assert full == shown
    targets = (await api.get("/v1/capabilities/house.lamps/targets")).json()["targets"]
    assert [(row["name"], row["granted"]) for row in targets] == [("house@home", True)]
    found = (await api.post("/v1/capabilities/find", json={"intent": {"lamps": {"hall": True}}})).json()
    assert [one["capability"] for one in found["fits"]] == ["if://capability/house.lamps"]
    none = (await api.post("/v1/capabilities/find", json={"intent": {"nothing": 1}})).json()
    assert none["error"]["code"] == "IF_ERR_NO_TALENT_FITS"
    assert (await api.get("/v1/capabilities/house.nothing")).status_code == 404


async def test_the_list_of_capabilities_follows_what_is_trusted(served: Served, api: httpx.AsyncClient) -> None:
    before = {row["capability"]: row for row in (await api.get("/v1/capabilities")).json()["capabilities"]}
    gong = before["if://capability/house.gong"]
    revoked = await api.post("/v1/trust/revoke", json={"thing": gong["digest"], **WHY})
    assert revoked.status_code == 200, revoked.text
    after = {row["capability"]: row for row in (await api.get("/v1/capabilities")).json()["capabilities"]}
    assert after["if://capability/house.gong"]["reason"]["code"] == "IF_ERR_DIGEST_REVOKED"
    assert (await api.get("/v1/trust")).json()["revoked"]["digests"][gong["digest"]] == WHY["why"]


async def test_policies_are_checked_and_taken_into_force_whole(served: Served, api: httpx.AsyncClient) -> None:
    present = await api.get("/v1/policies")
    files = present.json()["files"]
    broken = await api.post("/v1/policies/check", json={"files": {**files, "new.cedar": "permit("}})
    assert broken.json()["valid"] is False and broken.json()["problems"][0]["file"] == "new.cedar"
    forbids = '@id("tests-no-lamps")\nforbid (principal, action == Action::"apply", resource);\n'
    checked = await api.post("/v1/policies/check", json={"files": {**files, "new.cedar": forbids}})
    assert checked.json()["differs"] == {"new.cedar": "added"}, checked.text
    blind = await api.put("/v1/policies", json={"files": files, **WHY})
    assert blind.status_code == 428
    match = {"If-Match": present.headers["etag"]}
    taken = await api.put("/v1/policies", json={"files": {**files, "new.cedar": forbids}, **WHY}, headers=match)
    assert taken.json()["changed"] == {"new.cedar": "added"}, taken.text
    refused = await api.post("/v1/actions", json=LAMPS)
    assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_a_bundle_is_uploaded_allowed_used_and_removed(served: Served, api: httpx.AsyncClient) -> None:
    bundle = sign_bundle(HOUSE, "lamps.yaml", served.house.keystore.load("publisher"))
    digest = bundle.digest
    await api.post("/v1/adapters/remove", json={"bundle": digest, **WHY})
    assert (await api.post("/v1/actions", json=LAMPS)).json()["code"] == "IF_ERR_BUNDLE_MISSING"
    installed = await api.put("/v1/adapters", content=pack_archive(bundle), headers=TAR)
    assert (installed.status_code, installed.json()["digest"]) == (201, digest), installed.text
    assert (await api.post("/v1/actions", json=LAMPS)).json()["outcome"] == "converged"
    rows = (await api.get("/v1/adapters")).json()["capabilities"]
    assert digest in {row["digest"] for row in rows}
    again = await api.post("/v1/trust/allow", json={"bundle": "house.lamps", **WHY})
    assert (again.status_code, again.json()["code"]) == (400, "IF_ERR_NAME_INVALID")


async def test_archives_that_are_no_bundle_are_refused(served: Served, api: httpx.AsyncClient, press: Press) -> None:
    bundle = press.bundle()
    manifest = ("manifest.yaml", bundle.text)
    panel = ("panel.py", bundle.files["panel.py"])
    wrong = {
        "IF_ERR_BUNDLE_FILE_EXTRA": [manifest, panel, ("more.py", b"")],
        "IF_ERR_BUNDLE_FILE_MISSING": [manifest],
        "IF_ERR_BUNDLE_FILE_CHANGED": [manifest, ("panel.py", b"import os")],
        "IF_ERR_BUNDLE_MISSING": [panel],
    }
    for code, members in wrong.items():
        answer = await api.put("/v1/adapters", content=_tar(*members), headers=TAR)
        assert answer.json()["code"] == code, answer.text
    for name in ("../panel.py", "/panel.py", "a/../../panel.py", "a//b", "a\\b", "panel.py"):
        answer = await api.put("/v1/adapters", content=_tar(manifest, panel, (name, b"x")), headers=TAR)
        assert answer.json()["code"] == "IF_ERR_BUNDLE_PATH", name
    link = tarfile.TarInfo("panel.py")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    answer = await api.put("/v1/adapters", content=_tar(manifest, link=link), headers=TAR)
    assert answer.json()["code"] == "IF_ERR_BUNDLE_PATH"
    for content in (b"", b"no archive", b"\0" * 2048):
        answer = await api.put("/v1/adapters", content=content, headers=TAR)
        assert answer.json()["code"] == "IF_ERR_BUNDLE_MISSING"
    other = await api.put("/v1/adapters", content=pack_archive(bundle), headers={"Content-Type": "text/plain"})
    assert other.status_code == 415
    assert bundle.digest not in served.house.bundles.digests()


async def test_a_publisher_that_nobody_trusts_is_kept_and_not_usable(
    served: Served, api: httpx.AsyncClient, press: Press
) -> None:
    bundle = press.bundle(key="stranger")
    assert (await api.put("/v1/adapters", content=pack_archive(bundle), headers=TAR)).status_code == 201
    row = next(row for row in (await api.get("/v1/adapters")).json()["capabilities"] if row["digest"] == bundle.digest)
    assert (row["usable"], row["reason"]["code"]) == (False, "IF_ERR_PUBLISHER_UNKNOWN")


async def test_secrets_go_in_and_never_come_out(served: Served, api: httpx.AsyncClient) -> None:
    answers = [
        await api.put("/v1/secrets/LAMP_TOKEN", json={"value": SECRET, "targets": ["house@home"], **WHY}),
        await api.post("/v1/secrets/LAMP_TOKEN/rotate", json={"value": f"{SECRET}-2", **WHY}),
        await api.post("/v1/secrets/LAMP_TOKEN/rotate", json={"back": True, **WHY}),
        await api.post("/v1/secrets/LAMP_TOKEN/allow", json={"targets": ["house@attic"], **WHY}),
        await api.get("/v1/secrets"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5, [answer.text for answer in answers]
    assert served.house.vault.get("LAMP_TOKEN") == SECRET
    assert answers[-1].json()["kept"]["LAMP_TOKEN"]["targets"] == ["house@attic"]
    planted = await api.post("/v1/secrets/LAMP_TOKEN/remove", json={"why": f"it was {SECRET}"})
    assert planted.json()["code"] == "IF_ERR_ARGUMENT_SECRET"
    short = await api.put("/v1/secrets/OTHER", json={"value": "abc", **WHY})
    assert short.json()["code"] == "IF_ERR_SECRET_TOO_SHORT"
    wrong = await api.put("/v1/secrets/OTHER", json={"value": {"is": SECRET}, **WHY})
    assert wrong.status_code == 400
    answers += [planted, short, wrong, await api.post("/v1/secrets/LAMP_TOKEN/remove", json=WHY)]
    assert not any(SECRET in answer.text for answer in answers)
    gone = await api.post("/v1/secrets/LAMP_TOKEN/remove", json=WHY)
    assert (gone.status_code, gone.json()["code"]) == (404, "IF_ERR_SECRET_UNKNOWN")


async def test_a_stop_halts_writes_until_a_person_lifts_it(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    halted = await api.post("/v1/stops", json={"scope": "capability", "name": "house.lamps", **WHY})
    assert halted.json()["stop"]["recorded"] is True, halted.text
    refused = await api.post("/v1/actions", json=LAMPS)
    assert (refused.status_code, refused.json()["code"]) == (503, "IF_ERR_STOPPED")
    assert [row["what"] for row in (await api.get("/v1/stops")).json()["stops"]] == ["capability house.lamps"]
    robot = await served.talent("Robot", roles=["operator"])
    lifting = {"scope": "capability", "name": "house.lamps", **WHY}
    answer = await described.checking(served.client(await served.key(robot))).post("/v1/stops/lift", json=lifting)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    script = await api.post("/v1/stops/lift", json=lifting)
    assert (script.status_code, script.json()["code"]) == (403, "IF_ERR_DENIED"), "a person's key is no person"
    person = described.checking(await served.person())
    assert (await person.post("/v1/stops/lift", json=lifting)).json()["stop"]["change"] == "lifted"
    assert (await api.post("/v1/actions", json=LAMPS)).json()["outcome"] == "converged"
    unknown = await api.post("/v1/stops", json={"scope": "capability", "name": "house.nothing", **WHY})
    assert unknown.status_code == 404


async def test_another_tenant_reads_of_a_stop_that_it_holds_and_not_whose(served: Served, described: Described) -> None:
    api = described.checking(await served.operator())
    guest = described.checking(served.client(await served.key(await served.talent("Guest", tenant="south"))))
    for body in ({"scope": "capability", "name": "house.bell"}, {"scope": "talent", "name": "Guest"}):
        assert (await api.post("/v1/stops", json={**body, "why": "the heirs quarrel"})).status_code == 200
    home, theirs = [(await client.get("/v1/stops")).json()["stops"] for client in (api, guest)]
    assert [(row["scope"], row["by"], row["why"]) for row in home] == [("capability", OPERATOR, "the heirs quarrel")]
    assert [(row["what"], row["by"], row["why"]) for row in theirs] == [
        ("capability house.bell", "", ""),
        ("talent if://agent/Guest", OPERATOR, "the heirs quarrel"),
    ]


async def test_a_breaker_is_closed_by_who_knows_of_the_repair(served: Served, api: httpx.AsyncClient) -> None:
    lamps = "if://capability/house.lamps"
    cut = BreakerChanged(
        target="house@home", capability=lamps, state="open", failures=5, cause="IF_ERR_TARGET_UNREACHABLE"
    )
    await served.house.record(Entry(Kind.BREAKER_CHANGED, cut))
    rows = (await api.get("/v1/breakers")).json()["breakers"]
    assert [(row["target"], row["capability"]) for row in rows] == [("house@home", lamps)]
    closed = await api.post("/v1/breakers/close", json={"target": "house@home", **WHY})
    assert closed.json()["closed"] == [lamps]
    assert (await api.get("/v1/breakers")).json()["breakers"] == []
    assert served.house.reading.find(Query(kind="breaker.changed", limit=1))[0].actor == OPERATOR


async def test_no_scope_but_administer_changes_the_home(served: Served, described: Described) -> None:
    scopes = [scope for scope in AccessScope if scope is not AccessScope.ADMINISTER]
    client = described.checking(served.client(await served.key(scopes=scopes)))
    size = served.house.reading.size
    tries = {
        "/v1/stops": {"scope": "all", **WHY},
        "/v1/trust/revoke": {"thing": "x", **WHY},
        "/v1/breakers/close": {"target": "house@home", **WHY},
        "/v1/adapters/remove": {"bundle": "house.lamps@1.0.0", **WHY},
        "/v1/secrets/A_TOKEN/remove": WHY,
    }
    for path, body in tries.items():
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING"), path
    assert served.house.reading.size == size


def _tar(*members: tuple[str, bytes], link: tarfile.TarInfo | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link is not None:
            archive.addfile(link)
    return out.getvalue()
