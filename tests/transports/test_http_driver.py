"""The http driver against a real server on loopback."""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any
from unittest.mock import ANY

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import DriverContext, manager
from infrafabric.kernel.ports import DriverCall
from infrafabric.transports.extension import SHIPPED
from infrafabric.transports.http.driver import HttpDriver


async def test_a_read_is_answered(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(b'{"level": 3}', content_type="application/json", ETag='"7"', X_Other="no")
    given = await http_rig.perform()
    assert given.value == {
        "status": 200,
        "headers": {"content-type": "application/json", "etag": '"7"'},
        "body": '{"level": 3}',
    }
    assert (given.ok, given.problem) == (True, "")
    assert 0 < given.elapsed_ms < 5_000


async def test_the_whole_template_arrives(http_peer: Any, http_rig: Any) -> None:
    http_rig.secret("TOKEN", "correct-horse-battery")
    effect = {
        "write": "POST /v1/rooms/{room}/lamps",
        "path": {"room": {"type": "string"}},
        "query": {"mode": "set", "fade": {"type": "number"}},
        "headers": {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}, "X-Trace": {"type": "string"}},
        "json": {"on": True, "lamps": [{"type": "led", "level": {"type": "integer"}}], "note": {"type": "string"}},
        "optional": ["note"],
        "provider_key": {"header": "Idempotency-Key", "window_s": 60},
    }
    args = {"room": "große Halle", "fade": 1.0, "X-Trace": "a b", "level": 7}
    await http_rig.perform(effect, args, provider_key="key-1")
    [heard] = http_peer.heard
    assert (heard.method, heard.target) == ("POST", "/v1/rooms/gro%C3%9Fe%20Halle/lamps?mode=set&fade=1")
    assert heard.body == b'{"lamps":[{"level":7,"type":"led"}],"on":true}'
    assert {
        "host": f"127.0.0.1:{http_peer.port}",
        "user-agent": "infrafabric",
        "accept-encoding": "gzip, deflate",
        "content-type": "application/json",
        "authorization": "Bearer correct-horse-battery",
        "x-trace": "a b",
        "idempotency-key": "key-1",
        "content-length": str(len(heard.body)),
    } == heard.headers


async def test_a_form_arrives(http_peer: Any, http_rig: Any) -> None:
    effect = {"write": "POST /send", "form": {"To": {"type": "string"}, "Urgent": True}}
    await http_rig.perform(effect, {"To": "+49 30&x=1"})
    assert http_peer.heard[0].body == b"To=%2B49%2030%26x%3D1&Urgent=true"
    assert http_peer.heard[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_refusal_of_the_peer_is_an_answer(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(b"lamp  is\nbroken\x1b[31m", "503 Service Unavailable", Retry_After="7")
    given = await http_rig.perform()
    assert not given.ok
    assert given.problem == "503 Service Unavailable: lamp is broken\\u001b[31m"
    assert given.value["headers"] == {"retry-after": "7"}


async def test_one_connection_serves_many_calls(http_peer: Any, http_rig: Any) -> None:
    for _ in range(5):
        await http_rig.perform()
    assert (len(http_peer.heard), http_peer.connections) == (5, 1)


async def test_a_closed_connection_is_not_used_again(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(b"", Connection="close")
    await http_rig.perform()
    await http_rig.perform()
    assert http_peer.connections == 2


async def test_a_stale_connection_carries_no_write_that_must_not_be_sent_twice(
    http_peer: Any, http_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrafabric.transports.http.driver.FRESH_S", -1.0)
    await http_rig.perform()
    await http_rig.perform({"write": "POST /panel", "repeatable": True})
    assert http_peer.connections == 1
    await http_rig.perform({"write": "POST /panel"})
    assert http_peer.connections == 2


async def test_an_unsolicited_answer_is_never_taken_for_the_next_one(
    http_peer: Any, http_rig: Any, answer: Any
) -> None:
    http_peer.answer = lambda heard: answer(b"mine") + answer(b"smuggled")
    assert (await http_rig.perform()).value["body"] == "mine"
    assert (await http_rig.perform()).value["body"] == "mine"
    assert http_peer.connections == 2


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ],
)
async def test_compressed_answers_are_read(
    http_peer: Any, http_rig: Any, answer: Any, coding: str, encode: Any
) -> None:
    text = b"lamp " * 1000
    http_peer.answer = lambda heard: answer(encode(text), Content_Encoding=coding)
    assert text.decode() == (await http_rig.perform()).value["body"]


async def test_a_chunked_answer_is_read(http_peer: Any, http_rig: Any) -> None:
    http_peer.answer = lambda heard: (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert (await http_rig.perform()).value["body"] == "abcde"


async def test_an_answer_delimited_by_the_end_is_read(http_peer: Any, http_rig: Any) -> None:
    async def close(writer: Any) -> None:
        writer.close()

    http_peer.after = close
    http_peer.answer = lambda heard: b"HTTP/1.1 200 OK\r\n\r\nto the end"
    assert (await http_rig.perform()).value["body"] == "to the end"


async def test_what_is_not_text_comes_as_base64(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(b"\xff\xd8\xff\x00", content_type="image/jpeg")
    given = (await http_rig.perform()).value
    assert (given["encoding"], base64.b64decode(given["body"])) == ("base64", b"\xff\xd8\xff\x00")


async def test_declared_latin_and_byte_order_marks_are_understood(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer("grün".encode("latin-1"), content_type="text/plain; charset=ISO-8859-1")
    assert (await http_rig.perform()).value["body"] == "grün"
    http_peer.answer = lambda heard: answer(b"\xef\xbb\xbf<vmix/>", content_type="text/xml")
    assert (await http_rig.perform()).value["body"] == "<vmix/>"


@pytest.mark.parametrize(
    "raw",
    [
        b"VERSION OK 27.0.0.81\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 40,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
async def test_an_answer_that_is_not_http_is_refused(http_peer: Any, http_rig: Any, raw: bytes) -> None:
    http_peer.answer = lambda heard: raw
    assert (await http_rig.refusal()).code == Code.ANSWER_INVALID


async def test_an_answer_cut_short_is_refused_and_not_asked_for_again(
    http_peer: Any, http_rig: Any, answer: Any
) -> None:
    async def hang_up(writer: Any) -> None:
        writer.close()

    http_peer.after = hang_up
    http_peer.answer = lambda heard: answer(b"0123456789")[:-4]
    assert (await http_rig.refusal()).code == Code.TARGET_LOST
    http_peer.answer = lambda heard: b""
    refused = await http_rig.refusal()
    assert (refused.code, len(http_peer.heard)) == (Code.TARGET_LOST, 2)
    assert "lamp@desk" in refused.message


async def test_nothing_listening_is_unreachable(http_rig: Any, unused_port: int) -> None:
    http_rig.port = unused_port
    refused = await http_rig.refusal()
    assert refused.code == Code.TARGET_UNREACHABLE
    assert f"lamp@desk at 127.0.0.1:{unused_port}" in refused.message


async def test_a_name_that_does_not_resolve_is_unreachable(http_rig: Any) -> None:
    def gone(host: str) -> list[str]:
        raise OSError(-2, "Name or service not known")

    http_rig.dns = gone
    target = http_rig.target(settings={"HOST": "lamp.example", "PORT": "80"})
    assert (await http_rig.refusal(target=target)).code == Code.TARGET_UNREACHABLE


async def test_a_provider_key_needs_a_place(http_peer: Any, http_rig: Any) -> None:
    refused = await http_rig.refusal({"write": "POST /panel"}, provider_key="k")
    assert (refused.code, http_peer.heard) == (Code.EFFECT_ARGUMENT, [])


async def test_a_missing_secret_is_named(http_peer: Any, http_rig: Any) -> None:
    refused = await http_rig.refusal(
        {"read": "GET /panel", "query": {"key": {"secret": "TOKEN"}}},
        requires={"settings": ["HOST", "PORT"], "secrets": ["TOKEN"]},
    )
    assert (refused.code, http_peer.heard) == (Code.TARGET_SETTINGS, [])
    assert "TOKEN" in refused.message


async def test_an_undeclared_effect_is_refused(http_rig: Any) -> None:
    call = DriverCall(http_rig.manifest(), "nothing", {}, http_rig.target())
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.perform(call, {})
    assert caught.value.code == Code.EFFECT_UNKNOWN


async def test_check_wants_secrets_to_be_declared_and_the_driver_to_be_its_own(http_rig: Any) -> None:
    effects = {"it": {"read": "GET /", "headers": {"X-Key": {"secret": "TOKEN"}}}}
    for manifest, word in (
        (http_rig.manifest(effects), "TOKEN"),
        (http_rig.manifest(driver="tcp"), "tcp"),
        (http_rig.manifest(base="ftp://{HOST}"), "base"),
    ):
        with pytest.raises(FabricError) as caught:
            http_rig.driver.check(manifest)
        assert caught.value.code == Code.MANIFEST_INVALID
        assert word in caught.value.message


async def test_describe_masks_secrets_and_keeps_to_one_line(http_rig: Any) -> None:
    http_rig.secret("TOKEN", "correct-horse-battery")
    effect = {
        "write": "POST /say/{room}",
        "path": {"room": {"type": "string"}},
        "headers": {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}},
        "json": {"text": {"type": "string"}},
    }
    http_rig.port = 8088
    call = http_rig.call(effect, {"room": {"$result": "change-1#/id"}, "text": "a\nb\u202e"})
    assert http_rig.driver.describe(call) == (
        "POST http://127.0.0.1:8088/say/<result change-1#/id>  content-type: application/json  "
        'authorization: Bearer <secret TOKEN>  {"text": "a\\nb\\u202e"}'
    )


async def test_describe_cannot_be_made_to_show_a_mask_that_is_none(http_rig: Any) -> None:
    effect = {"read": "GET /panel", "query": {"key": {"type": "string"}}}
    line = http_rig.driver.describe(http_rig.call(effect, {"key": "<secret TOKEN>"}))
    assert line.endswith("/panel?key=%3Csecret%20TOKEN%3E")


async def test_the_plugin_offers_the_driver(http_rig: Any) -> None:
    plugins = manager()
    [http] = [offer for offer in SHIPPED if offer.name == "http"]
    plugins.register(http)
    [offered] = plugins.hook.drivers(context=DriverContext(http_rig.redactor, {"keepalive_s": 2}))
    assert offered == {"http": ANY}
    assert isinstance(offered["http"], HttpDriver)


@pytest.mark.parametrize(
    "options", [{"proxy": "x"}, {"keepalive_s": "4"}, {"keepalive_s": True}, {"ca_file": "/nowhere/ca.pem"}]
)
async def test_unknown_or_useless_options_are_refused(http_rig: Any, options: dict[str, object]) -> None:
    with pytest.raises(FabricError) as caught:
        http_rig.make(**options)
    assert caught.value.code == Code.SETTINGS_INVALID


async def test_forgetting_a_target_closes_its_connections(http_peer: Any, http_rig: Any) -> None:
    await http_rig.perform()
    await http_rig.driver.forget("lamp@desk")
    await http_rig.perform()
    assert http_peer.connections == 2


async def test_health_is_as_the_target_was_last_found(http_peer: Any, http_rig: Any, answer: Any) -> None:
    assert http_rig.driver.health() == {}
    await http_rig.perform()
    assert http_rig.driver.health()["lamp@desk"].state == "up"
    http_peer.answer = lambda heard: answer(b"who are you", "401 Unauthorized")
    await http_rig.perform()
    known = http_rig.driver.health()["lamp@desk"]
    assert (known.state, known.detail) == ("refused", "401 Unauthorized: who are you")
    http_peer.answer = lambda heard: answer(b"not yours", "403 Forbidden")
    await http_rig.perform()
    assert http_rig.driver.health()["lamp@desk"].state == "up", "it knows us, and refuses one thing"
    await http_rig.driver.forget("lamp@desk")
    assert http_rig.driver.health() == {}


async def test_nothing_is_heard_over_http(http_rig: Any) -> None:
    with pytest.raises(FabricError) as caught:
        http_rig.driver.check(http_rig.manifest(signals={"news": []}))
    assert caught.value.code == Code.MANIFEST_INVALID
