"""Bearer tokens of OpenID providers: a real small one from end to end, and one that is scripted."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import httpx
import pytest
from openid import Provider, believe, known_as, logged_in, real_provider, scripted_provider
from served import Served

from infrafabric.control.api.auth.provider_keys import ProviderKeys
from infrafabric.control.door_settings import OidcSettings
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError


@pytest.fixture
def provider() -> Iterator[Provider]:
    with scripted_provider() as found:
        yield found


async def me(served: Served, token: str) -> httpx.Response:
    return await served.client(token).get("/v1/me")


async def test_who_logged_in_at_a_real_provider_is_the_talent_that_the_log_says(served: Served) -> None:
    with real_provider() as issuer:
        believe(served, issuer)
        operator = await served.operator()
        said = {"issuer": issuer, "subject": "alice@example.org", "talent": OPERATOR, "why": "on call"}
        assert (await operator.post("/v1/identities", json=said)).status_code == 200
        token = await anyio.to_thread.run_sync(logged_in, issuer, "alice@example.org")
        answer = await me(served, token)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["talent"], answer.json()["method"]) == (OPERATOR, "oidc")
        stranger = await anyio.to_thread.run_sync(logged_in, issuer, "mallory@example.org")
        refused = await me(served, stranger)
        assert (refused.status_code, refused.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
        ended = await operator.post("/v1/identities/revoke", json={k: v for k, v in said.items() if k != "talent"})
        assert ended.status_code == 200, ended.text
        assert (await me(served, token)).status_code == 401


async def test_keys_are_fetched_once_for_many_tokens(served: Served, provider: Provider) -> None:
    believe(served, provider.issuer)
    await known_as(served, provider.issuer, "alice", OPERATOR)
    for _ in range(3):
        assert (await me(served, provider.token())).status_code == 200
    assert provider.fetched == ["/.well-known/openid-configuration", "/jwks"]


async def test_a_providers_new_key_is_taken_without_a_restart(provider: Provider) -> None:
    now = [0.0]
    keys = ProviderKeys(OidcSettings(issuer=provider.issuer, audience="x"), lambda: now[0])
    await keys.key("first")
    provider.rotate("second")
    with pytest.raises(FabricError) as too_soon:
        await keys.key("second")
    assert too_soon.value.code is Code.AUTH_INVALID
    now[0] = 31.0
    assert (await keys.key("second")).as_dict(private=False)["n"] == provider.keys["second"].as_dict(private=False)["n"]
    with pytest.raises(FabricError):
        await keys.key("first")


async def test_invented_key_ids_cost_the_provider_one_fetch_in_half_a_minute(provider: Provider) -> None:
    now = [0.0]
    keys = ProviderKeys(OidcSettings(issuer=provider.issuer, audience="x"), lambda: now[0])
    for number in range(60):
        now[0] = number
        with pytest.raises(FabricError):
            await keys.key(f"invented-{number}")
    assert provider.fetched.count("/jwks") == 2


async def test_a_provider_that_is_away_is_said_to_be(served: Served, provider: Provider) -> None:
    believe(served, provider.issuer)
    await known_as(served, provider.issuer, "alice", OPERATOR)
    provider.status = 503
    answer = await me(served, provider.token())
    assert (answer.status_code, answer.json()["code"]) == (503, "IF_ERR_PROVIDER_AWAY")
    assert int(answer.headers["retry-after"]) >= 1


async def test_keys_count_for_an_hour_and_no_longer(provider: Provider) -> None:
    now = [0.0]
    keys = ProviderKeys(OidcSettings(issuer=provider.issuer, audience="x"), lambda: now[0])
    await keys.key("first")
    provider.status = 500
    now[0] = 3_599.0
    await keys.key("first")
    now[0] = 3_600.0
    with pytest.raises(FabricError) as away:
        await keys.key("first")
    assert away.value.code is Code.PROVIDER_AWAY


async def test_a_discovery_document_of_another_issuer_is_none(provider: Provider) -> None:
    provider.named = "https://elsewhere.example"
    with pytest.raises(FabricError) as refused:
        await ProviderKeys(OidcSettings(issuer=provider.issuer, audience="x")).key("first")
    assert refused.value.code is Code.PROVIDER_AWAY


async def test_a_tokens_scopes_take_away(served: Served, provider: Provider) -> None:
    believe(served, provider.issuer)
    await known_as(served, provider.issuer, "alice", OPERATOR)
    shape = (await me(served, provider.token(scope="openid infrafabric:metrics infrafabric:everything"))).json()
    assert shape["scopes"] == ["metrics"]
    answer = await served.client(provider.token(scope="infrafabric:metrics")).get("/v1/capabilities")
    assert answer.json()["code"] == "IF_ERR_SCOPE_MISSING"


async def test_a_subject_is_one_talent(served: Served, provider: Provider) -> None:
    operator = await served.operator()
    agent = await served.talent("Other")
    said = {"issuer": provider.issuer, "subject": "alice", "talent": OPERATOR, "why": "x"}
    assert (await operator.post("/v1/identities", json=said)).status_code == 200
    second = await operator.post("/v1/identities", json={**said, "talent": agent})
    assert (second.status_code, second.json()["code"]) == (409, "IF_ERR_EXISTS")
    rows = (await operator.get("/v1/identities")).json()["identities"]
    assert [(row["subject"], row["talent"], row["taken"]) for row in rows] == [("alice", OPERATOR, False)]


def test_a_provider_is_reached_over_tls_or_on_this_machine() -> None:
    with pytest.raises(ValueError, match="neither https nor of this machine"):
        OidcSettings(issuer="http://id.example.org", audience="x")
    assert OidcSettings(issuer="https://id.example.org", audience="x").issuer == "https://id.example.org"


def test_no_shared_secret_can_be_set_as_an_algorithm() -> None:
    for name in ("HS256", "none"):
        with pytest.raises(ValueError, match="algorithms"):
            OidcSettings.model_validate({"issuer": "https://a.example", "audience": "x", "algorithms": [name]})


async def test_without_a_provider_no_token_is_taken(served: Served, provider: Provider) -> None:
    await known_as(served, provider.issuer, "alice", OPERATOR)
    answer = await me(served, provider.token())
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
    assert provider.fetched == []
