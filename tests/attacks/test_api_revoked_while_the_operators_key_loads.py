"""Changes that land while another request's operator key is loaded: what was revoked meanwhile stays revoked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx
import pytest
from served import Served

from infrafabric.control.house import House
from infrafabric.control.operator import Operator
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.access import AccessScope, ApiKey
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.keys.signing import SigningKey

WHY = {"why": "test"}
PUBLIC = str(SigningKey.from_seed(b"\x07" * 32).public)


class Loading:
    """Holds the first request that loads the operator's key, until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._free, self._reached = threading.Event(), threading.Event()
        self._armed = False
        real = House.operator

        def load(house: House, trace: str) -> Operator:
            found = real(house, trace)
            if self._armed:
                self._armed = False
                self._reached.set()
                self._free.wait(20)
            return found

        monkeypatch.setattr(House, "operator", load)

    @asynccontextmanager
    async def of(self, asked: Awaitable[httpx.Response]) -> AsyncIterator[asyncio.Future[httpx.Response]]:
        """`asked` waits for the key within; it is answered after."""
        self._armed = True
        self._free.clear()
        self._reached.clear()
        task = asyncio.ensure_future(asked)
        try:
            assert await asyncio.to_thread(self._reached.wait, 20)
            yield task
        finally:
            self._free.set()
            await asyncio.wait({task})


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Loading:
    return Loading(monkeypatch)


def _operator(served: Served) -> Operator:
    """The operator's key beside the API, which loads it for one request at a time."""
    return served.house.operator(new_trace_id())


async def _revoke(served: Served, name: str) -> None:
    key = ApiKey.model_validate(served.house.authority.get("api_key", name))
    await served.house.record(_operator(served).api_key(key, "test", "revoked"))


def _code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def test_a_revoked_talent_does_not_come_back(served: Served, loading: Loading) -> None:
    api = await served.operator()
    who = await served.talent("Gone.Agent")
    async with loading.of(api.put("/v1/talents/Gone.Agent/key", json={"key": PUBLIC, **WHY})) as keyed:
        gone = served.house.authority.talent(who)
        await served.house.record(_operator(served).talent(gone, "test", "revoked"))
    assert _code(keyed.result()) == (412, "IF_ERR_CHANGED_MEANWHILE")
    with pytest.raises(FabricError) as raised:
        served.house.authority.talent(who)
    assert raised.value.code is Code.TALENT_REVOKED


async def test_a_revoked_key_does_not_come_back(served: Served, loading: Loading) -> None:
    api = await served.operator()
    text = await served.key(await served.talent("Stolen.Agent"), [AccessScope.READ])
    name = text.split("_")[1]
    rotating = api.post(f"/v1/keys/{name}/rotate", json={"overlap_s": 86_400, **WHY})
    async with loading.of(rotating) as rotated:
        await _revoke(served, name)
    assert _code(rotated.result()) == (412, "IF_ERR_CHANGED_MEANWHILE")
    assert (await served.client(text).get("/v1/me")).status_code == 401


async def test_one_etag_changes_a_target_once(served: Served, loading: Loading) -> None:
    api = await served.operator()
    seen = await api.get("/v1/targets/house@home")
    said = {name: value for name, value in seen.json().items() if name not in ("name", "tenant")}
    match = {"If-Match": seen.headers["etag"]}

    def put(timeout_s: float) -> Awaitable[httpx.Response]:
        return api.put("/v1/targets/house@home", json={**said, "timeout_s": timeout_s, **WHY}, headers=match)

    async with loading.of(put(7.0)) as late:
        changed = served.house.authority.target("house@home").model_copy(update={"timeout_s": 8.0})
        await served.house.record(_operator(served).target(changed, "test"))
    assert _code(late.result()) == (412, "IF_ERR_CHANGED_MEANWHILE")
    assert (await api.get("/v1/targets/house@home")).json()["timeout_s"] == 8.0


async def test_one_etag_changes_the_policies_once(served: Served) -> None:
    api = await served.operator()
    seen = await api.get("/v1/policies")
    files = seen.json()["files"]
    name = next(iter(files))
    answers = await asyncio.gather(
        *(
            api.put(
                "/v1/policies",
                json={"files": {**files, name: f"{files[name]}\n// {number}\n"}, **WHY},
                headers={"If-Match": seen.headers["etag"]},
            )
            for number in range(3)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_a_caller_whose_key_is_revoked_meanwhile_changes_nothing(served: Served, loading: Loading) -> None:
    text = await served.key()
    adding = served.client(text).post("/v1/talents", json={"name": "Late.Agent", **WHY})
    async with loading.of(adding) as added:
        await _revoke(served, text.split("_")[1])
    assert _code(added.result()) == (401, "IF_ERR_AUTH_INVALID")
    assert served.house.authority.get("talent", "if://agent/Late.Agent") is None


async def test_a_caller_who_is_no_operator_any_more_changes_nothing(served: Served, loading: Loading) -> None:
    who = await served.talent("Former.Op", roles=["operator"])
    caller = served.client(await served.key(who))
    async with loading.of(caller.put("/v1/roles/night", json={"includes": ["operator"], **WHY})) as put:
        former = served.house.authority.talent(who).model_copy(update={"roles": ()})
        operator = await asyncio.to_thread(served.house.operator, new_trace_id())
        await served.house.record(operator.talent(former, "test"))
    assert _code(put.result()) == (403, "IF_ERR_DENIED")


async def test_a_caller_who_is_revoked_while_the_record_waits_changes_nothing(served: Served) -> None:
    """The last look is taken under the lock that every change takes."""
    text = await served.key()
    operator = served.house.operator(new_trace_id())
    caller = served.client(text)
    async with served.house.changing:
        adding = asyncio.ensure_future(caller.post("/v1/talents", json={"name": "Late.Agent", **WHY}))
        while not served.house.changing._waiters:
            await asyncio.sleep(0.01)
        key = ApiKey.model_validate(served.house.authority.get("api_key", text.split("_")[1]))
        await served.house.log.append(operator.api_key(key, "test", "revoked"))
    assert _code(await adding) == (401, "IF_ERR_AUTH_INVALID")
    assert served.house.authority.get("talent", "if://agent/Late.Agent") is None
