"""The log over HTTP: entries, proofs and the static files that anybody can verify."""

from __future__ import annotations

from pathlib import Path

import httpx
from served import Served

from infrafabric.kernel.words.entries import Kind
from infrafabric.witness.checkpoint import open_checkpoint
from infrafabric.witness.note import Verifier
from infrafabric.witness.verify import verify_tlog_proof

LAMPS = {
    "capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", "why": "the test says so",
}  # fmt: skip


async def test_entries_are_found_in_pages_and_shown_whole(served: Served, api: httpx.AsyncClient) -> None:
    done = (await api.post("/v1/actions", json=LAMPS)).json()
    mine = (await api.get(f"/v1/log/entries?action={done['action']}")).json()["entries"]
    assert [row["kind"] for row in mine][-1::-1][0] == Kind.ACTION_RECEIVED
    whole = (await api.get(f"/v1/log/actions/{done['action']}")).json()["entries"]
    assert [row["index"] for row in whole] == [row["index"] for row in mine][::-1]
    one = (await api.get(f"/v1/log/entries/{mine[0]['index']}")).json()
    assert one == whole[-1]
    by_trace = (await api.get(f"/v1/log/entries?trace={done['trace']}&kind=action.received")).json()["entries"]
    assert [row["index"] for row in by_trace] == [whole[0]["index"]]
    everything: list[int] = []
    url = "/v1/log/entries?limit=7"
    while url:
        page = (await api.get(url)).json()
        everything += [row["index"] for row in page["entries"]]
        url = f"/v1/log/entries?limit=7&cursor={page['next']}" if page["next"] else ""
    assert everything == list(range(served.house.reading.size))[::-1]
    assert (await api.get("/v1/log/entries/999999")).json()["code"] == "IF_ERR_ENTRY_UNKNOWN"
    assert (await api.get("/v1/log/entries?kind=nothing")).status_code == 400


async def test_what_the_log_answers_is_verified_without_it(served: Served, api: httpx.AsyncClient) -> None:
    index = served.house.reading.size - 1
    vkey = (await api.get("/v1/log/vkey")).json()["vkey"]
    proof = await api.get(f"/v1/log/entries/{index}/proof")
    assert verify_tlog_proof(proof.content, [vkey]).entries[0].index == index
    checkpoint = (await api.get("/v1/log/checkpoint")).json()
    assert open_checkpoint(checkpoint["checkpoint"], [Verifier.parse(vkey)]).size == checkpoint["size"]


async def test_the_static_files_are_those_of_an_export(served: Served, api: httpx.AsyncClient, tmp_path: Path) -> None:
    for on in (True, False):
        await api.post("/v1/actions", json={**LAMPS, "intent": {"lamps": {"hall": on}}})
    folder = tmp_path / "tiles"
    await served.house.reading.export(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for path in files:
        served_file = await api.get(f"/log/{path.relative_to(folder).as_posix()}")
        assert served_file.status_code == 200
        assert served_file.content == path.read_bytes()
    assert (await api.get("/log/checkpoint")).headers["cache-control"] == "no-cache"


async def test_the_static_files_take_credentials_unless_they_are_opened(served: Served) -> None:
    anyone = served.client()
    assert (await anyone.get("/log/checkpoint")).status_code == 401
    assert (await anyone.get("/log/tile/0/000.p/1")).status_code == 401
    serve = served.house.settings.serve.model_copy(update={"open_log": True})
    served.house.settings = served.house.settings.model_copy(update={"serve": serve})
    assert (await anyone.get("/log/checkpoint")).status_code == 200
    assert len((await anyone.get("/log/tile/0/000.p/1")).content) == 32
    assert (await anyone.get("/v1/log/checkpoint")).status_code == 401


async def test_who_may_not_read_the_log_reads_none_of_it(served: Served) -> None:
    agent = served.client(await served.key(await served.talent("Scout")))
    for path in ("entries", "entries/0", "entries/0/proof"):
        refused = await agent.get(f"/v1/log/{path}")
        assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_DENIED")
