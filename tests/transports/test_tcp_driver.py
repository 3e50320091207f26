"""The tcp driver against a real server on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import Any

import pytest
import yaml
from lasting_peers import EXAMPLES

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Manifest


async def test_a_line_is_answered(matrix: Any, matrix_rig: Any) -> None:
    answer = await matrix_rig.perform("name", {"output": 2})
    assert answer.value == {"line": "NAME OK Output 2", "body": "Output 2"}
    assert (answer.ok, answer.problem) == (True, "")
    assert matrix.heard == ["NAME 2"]


async def test_a_no_is_an_answer(matrix_rig: Any) -> None:
    answer = await matrix_rig.perform("name", {"output": 64})
    assert answer.value == {"line": "NAME ER no such output", "body": "no such output"}
    assert (answer.ok, answer.problem) == (False, "no such output")


async def test_only_a_no_that_the_manifest_calls_definite_is_conclusive(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: b"ROUTE ER no such output\r\n"
    route = matrix_rig.effects()["route"]
    rules = {name: rule for name, rule in route["reply"].items() if name != "definite"}
    for definite, conclusive in (
        ({}, False),
        ({"definite": False}, False),
        ({"definite": True}, True),
        ({"definite": "^ROUTE ER no such"}, True),
        ({"definite": "^ROUTE ER busy"}, False),
    ):
        effects = matrix_rig.effects(route={**route, "reply": {**rules, **definite}})
        answer = await matrix_rig.perform("route", {"output": 1, "input": 2}, effects=effects)
        assert (answer.ok, answer.conclusive) == (False, conclusive)


async def test_a_body_of_announced_length_is_read(matrix: Any, matrix_rig: Any) -> None:
    assert (await matrix_rig.perform("routes")).value == {"line": "ROUTES 12", "body": "1=1\n2=2\n3=3\n"}
    matrix.reply = lambda line: b"ROUTES 0\r\n"
    assert (await matrix_rig.perform("routes")).value == {"line": "ROUTES 0", "body": ""}
    matrix.reply = lambda line: b"ROUTES 4\r\n\xff\xd8\r\n"
    value = (await matrix_rig.perform("routes")).value
    assert (value["encoding"], base64.b64decode(value["body"])) == ("base64", b"\xff\xd8\r\n")
    assert matrix.connections == 1


async def test_one_request_at_a_time(matrix: Any, matrix_rig: Any) -> None:
    under_way = most = 0

    async def slow(line: str, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    matrix.after = slow
    matrix.routes = {number: number for number in range(1, 65)}
    answers = await asyncio.gather(*(matrix_rig.perform("name", {"output": 1 + n % 64}) for n in range(100)))
    assert [answer.value["body"] for answer in answers] == [f"Output {1 + n % 64}" for n in range(100)]
    assert (matrix.connections, most) == (1, 1)


async def test_what_an_approver_reads(matrix_rig: Any) -> None:
    line = matrix_rig.driver.describe(matrix_rig.call("route", {"output": 1, "input": 2}))
    assert line == f"tcp://127.0.0.1:{matrix_rig.port}  ROUTE 1 2"
    later = {"output": {"$result": "change-1#/body"}, "input": 2}
    assert matrix_rig.driver.describe(matrix_rig.call("route", later)).endswith("ROUTE <result change-1#/body> 2")


async def test_percent_encodes_what_is_not_unreserved(matrix: Any, matrix_rig: Any) -> None:
    connection = {**matrix_rig.manifest().connection, "encode": "percent"}
    effects = {"say": {"write": "SAY {text} now", "path": {"text": {"type": "string"}}, "reply": {"ok": "^SAID"}}}
    matrix.reply = lambda line: b"SAID\r\n"
    await matrix_rig.perform("say", {"text": "a b\r\nROUTE 1 2 ü"}, connection=connection, effects=effects)
    assert matrix.heard == ["SAY a%20b%0D%0AROUTE%201%202%20%C3%BC now"]


async def test_lines_that_answer_nothing_are_passed_over(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: b"HELLO\r\n\r\n\xff\xfe\r\nNAME OK Output 1\r\n"
    assert (await matrix_rig.perform("name", {"output": 1})).value["body"] == "Output 1"


async def test_lines_may_come_in_pieces_and_end_in_lf(matrix: Any, matrix_rig: Any) -> None:
    async def drip(line: str, writer: asyncio.StreamWriter) -> None:
        for byte in b"ROUTED 1 1\nNAME OK Output 1\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    matrix.reply = lambda line: b""
    matrix.after = drip
    assert (await matrix_rig.perform("name", {"output": 1})).value["body"] == "Output 1"


async def test_a_change_is_signalled(matrix: Any, matrix_rig: Any) -> None:
    async with matrix_rig.driver.signals(matrix_rig.manifest(), matrix_rig.target(), matrix_rig.secrets) as signals:
        while not matrix.subscribers:
            await asyncio.sleep(0.01)
        matrix.tell(1, 3)
        async with asyncio.timeout(2):
            await signals.wait()
        answer = await matrix_rig.perform("route", {"output": 2, "input": 1})
        assert answer.value["line"] == "ROUTE OK"
        async with asyncio.timeout(2):
            await signals.wait()
    assert matrix.connections == 1


async def test_signals_of_another_drivers_manifest(matrix: Any, matrix_rig: Any) -> None:
    connection = dict(matrix_rig.manifest().connection)
    members = {
        "driver": "http",
        "base": "http://{MATRIX_HOST}",
        "connection": {},
        "effects": {"state": {"read": "GET /api"}},
        "requires": {"settings": ["MATRIX_HOST"], "optional": ["MATRIX_PORT"], "secrets": ["MATRIX_PIN"]},
        "signals": {
            "driver": "tcp",
            "base": "tcp://{MATRIX_HOST}:{MATRIX_PORT}",
            "connection": connection,
            "subscribe": [{"send": "SUBSCRIBE ROUTES", "ok": "^SUBSCRIBE OK", "failed": "^SUBSCRIBE ER"}],
            "news": ["^ROUTED "],
        },
    }
    manifest = matrix_rig.manifest(**members)
    matrix_rig.driver.check(manifest)
    bare = matrix_rig.target(settings={"MATRIX_HOST": "127.0.0.1"})
    assert matrix_rig.driver.signals(manifest, bare, matrix_rig.secrets) is None
    async with matrix_rig.driver.signals(manifest, matrix_rig.target(), matrix_rig.secrets) as signals:
        matrix.tell(1, 2)
        async with asyncio.timeout(2):
            await signals.wait()


async def test_a_refused_subscription_is_an_error(matrix: Any, matrix_rig: Any) -> None:
    subscribe = [{"send": "SUBSCRIBE ALL", "ok": "^SUBSCRIBE OK", "failed": "^SUBSCRIBE ER"}]
    manifest = matrix_rig.manifest(signals={"subscribe": subscribe})
    matrix.reply = lambda line: b"SUBSCRIBE ER no such topic\r\n"
    with pytest.raises(FabricError) as caught:
        async with matrix_rig.driver.signals(manifest, matrix_rig.target(), matrix_rig.secrets):
            pass
    assert caught.value.code == Code.TARGET_STATUS


async def test_a_wrong_pin_is_refused_and_not_tried_again_at_once(matrix: Any, matrix_rig: Any) -> None:
    matrix.pin = "another"
    refused = await matrix_rig.refusal("routes")
    assert (refused.code, "wrong pin" in refused.message) == (Code.TARGET_AUTH, True)
    await asyncio.sleep(0.6)
    assert (await matrix_rig.refusal("routes")).code == Code.TARGET_AUTH
    assert matrix.connections == 1
    assert matrix_rig.health().state == "refused"


async def test_a_peer_that_is_back_is_reconnected_within_two_seconds(matrix: Any, matrix_rig: Any) -> None:
    await matrix_rig.perform("routes")
    await matrix.stop()
    await asyncio.sleep(0.7)
    assert matrix_rig.health().state == "down"
    await matrix.start()
    back = time.monotonic()
    while matrix_rig.health().state != "up":
        await asyncio.sleep(0.01)
        assert time.monotonic() - back < 2
    assert (await matrix_rig.perform("name", {"output": 1})).ok


async def test_another_opening_than_expected_is_no_connection(matrix: Any, matrix_rig: Any) -> None:
    matrix.greeting = b"220 mail.example ESMTP\r\n"
    refused = await matrix_rig.refusal("routes")
    assert refused.code == Code.TARGET_UNREACHABLE
    assert "opening" in refused.message
    assert matrix.heard == []


async def test_a_silent_peer_that_cannot_be_asked_is_left_before_a_write_that_must_not_be_sent_twice(
    matrix: Any, matrix_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrafabric.transports.lasting.link.FRESH_S", -1.0)
    once = {"write": "ROUTE 1 2", "reply": {"ok": "^ROUTE OK"}}
    effects = matrix_rig.effects(once=once)
    await matrix_rig.perform("routes", effects=effects)
    await matrix_rig.perform("once", effects=effects)
    assert matrix.heard == ["ROUTES", "NOOP", "ROUTE 1 2"]
    connection = {key: item for key, item in matrix_rig.manifest().connection.items() if not key.startswith("idle")}
    await matrix_rig.perform("once", effects=effects, connection=connection)
    await matrix_rig.perform("once", effects=effects, connection=connection)
    assert matrix.connections == 4  # one with idle; then each write's own opening was its sign of life


async def test_health_is_checked_without_asking_for_anything(matrix: Any, matrix_rig: Any) -> None:
    found = await matrix_rig.driver.check_health(matrix_rig.manifest(), matrix_rig.target(), matrix_rig.secrets)
    assert (found.state, matrix.heard) == ("up", [])
    assert matrix_rig.health() == found


async def test_a_peer_without_an_opening_is_spoken_to_at_once(unused_port: int, matrix_rig: Any) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(b"SAID " + line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", unused_port)
    target = matrix_rig.target(settings={"MATRIX_HOST": "127.0.0.1", "MATRIX_PORT": str(unused_port)})
    effects = {"say": {"write": "HELLO", "reply": {"ok": "^SAID (.*)$"}}}
    for connection in ({}, {"opening": [{"send": "GOOD DAY"}]}):
        answer = await matrix_rig.perform("say", target=target, effects=effects, connection=connection)
        assert answer.ok
    await matrix_rig.driver.close()
    server.close()
    await server.wait_closed()


# --- manifests


def example(**changes: Any) -> Manifest:
    given = yaml.safe_load((EXAMPLES / "tcp.yaml").read_text("utf-8"))
    return Manifest.model_validate({**given, **changes})


async def test_the_example_is_taken(matrix_rig: Any) -> None:
    matrix_rig.driver.check(example())


def effect(**members: Any) -> dict[str, Any]:
    return {"effects": {"it": {"read": "IT", "reply": {"ok": "^IT"}, **members}}}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"base": "tcp://{MATRIX_HOST}"}, "names no port"),
        ({"base": "tcp://{MATRIX_HOST}:{MATRIX_PORT}/x"}, "no path"),
        ({"base": "ws://{MATRIX_HOST}"}, "tcp|tls"),
        ({"connection": {"line_end": "cr"}}, "line_end"),
        ({"connection": {"encode": "none"}}, "encode"),
        ({"connection": {"opening": [{"expect": "READY"}]}}, "begins with ^"),
        ({"connection": {"opening": [{"send": "A {MATRIX_PIN}", "secrets": ["OTHER"]}]}}, "names places"),
        ({"connection": {"opening": [{"send": "A {OTHER}"}]}}, "OTHER"),
        ({"connection": {"opening": [{"send": "A {OTHER}", "secrets": ["OTHER"]}]}}, "OTHER"),
        ({"connection": {"idle": "NOOP"}}, "idle and idle_reply"),
        (effect(reply={}), "has ok or length"),
        (effect(reply={"ok": "^A", "length": "^B ([0-9]+)$"}), "has ok or length"),
        (effect(reply={"length": "^B [0-9]+$"}), "no group"),
        (effect(reply={"ok": "^(a)(b)"}), "more than one group"),
        (effect(reply={"ok": "^(a)+"}), "repeated"),
        (effect(reply={"ok": "^a|b"}), "alternatives"),
        (effect(reply={"ok": "^(?P<x>a)"}), "kind that is not taken"),
        (effect(reply={"ok": "^a(?=b)"}), "kind that is not taken"),
        (effect(reply={"ok": "^(a)\\1"}), "does not compile"),
        (effect(read="A\r\nB"), "control character"),
        (effect(read="A {x}"), "do not match"),
        (effect(read="A {x}{y}", path={"x": {"type": "string"}, "y": {"type": "string"}}), "nothing parts"),
        (effect(read="A {", path={}), "brace"),
        (effect(query={"a": 1}), "takes no query"),
        (effect(json={"a": 1}), "takes no json"),
        ({"signals": {"subscribe": ["A {x}"]}}, "takes no places"),
        ({"signals": {"subscribe": [{"send": "A"}]}}, "has no ok"),
        ({"signals": {"news": ["ROUTED"]}}, "begins with ^"),
    ],
)
async def test_what_could_not_be_spoken_is_refused(matrix_rig: Any, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(FabricError) as caught:
        matrix_rig.driver.check(example(**changes))
    assert caught.value.code == Code.MANIFEST_INVALID
    assert named in caught.value.message
