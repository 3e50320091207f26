"""The `tcp` driver: lines on one lasting connection a target, over TCP or TLS, one request at a time.

An answer is `{"line", "body"}`: the line that answered, and what its pattern's group took out of it, or the bytes that
it announced (text, or base64 with `"encoding": "base64"`); `body` is "" where there is neither. Promises beyond those
of every lasting driver (`lasting.link`): an argument can end no line and begin no other.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.manifest import Effect, Manifest
from infrafabric.kernel.words.things import Target
from infrafabric.transports.address import Pin
from infrafabric.transports.encoding import text_form
from infrafabric.transports.endpoint import Base
from infrafabric.transports.lasting.driver import Called, Exchanged, LastingDriver
from infrafabric.transports.lasting.listening import Subscribing
from infrafabric.transports.lasting.session import News
from infrafabric.transports.lasting.wire import OnEnd, OnEvent, SessionWire, Wire, dial
from infrafabric.transports.places import check_arguments, later_results, template_fault
from infrafabric.transports.schema import compile_schema
from infrafabric.transports.tcp.line import Line, compile_line, percent, plain
from infrafabric.transports.tcp.patterns import compile_line_pattern
from infrafabric.transports.tcp.session import Asked, LineSession, Said
from infrafabric.transports.tcp.spec import ReplyRule, Send, Spec, compile_connection, compile_reply, members

__all__ = ["TcpDriver"]


@dataclass(frozen=True, slots=True)
class Template:
    """One effect: its line, and how the reply is known."""

    effect: str
    line: Line
    reply: ReplyRule
    validators: Mapping[str, Validator]


class TcpDriver(LastingDriver[Spec, Template]):
    """The driver of that name. Option: `ca_file`, a PEM file of further certificate authorities."""

    name = "tcp"
    schemes = ("tcp", "tls")

    # --- compiling
    def compile_for_base(self, base: Base) -> None:
        if base.prefix:
            raise FabricError(Code.MANIFEST_INVALID, "the tcp driver's base has no path")

    def compile_opening(self, connection: Mapping[str, Any], manifest: Manifest) -> Spec:
        return compile_connection(connection)

    def compile_effects(self, manifest: Manifest, opening: Spec) -> Mapping[str, Template]:
        return {name: _template(name, effect, opening) for name, effect in manifest.effects.items()}

    def compile_signals(self, manifest: Manifest, opening: Spec) -> Subscribing:
        signals = manifest.signals
        assert signals is not None
        asked: list[Asked] = []
        told: list[Asked] = []
        for number, item in enumerate(signals.subscribe):
            request = _subscribe(item, f"signals.subscribe.{number}")
            (told if request.reply is None else asked).append(request)
        news = [compile_line_pattern(one, f"signals.news.{number}") for number, one in enumerate(signals.news)]

        def wanted(news_: News, tickets: frozenset[int]) -> bool:
            return not news or any(pattern.matches(news_.value) for pattern in news)

        shape = [item if isinstance(item, str) else dict(item) for item in (*signals.subscribe, *signals.news)]
        key = f"signals:{hashlib.sha256(dumps(shape)).hexdigest()}"
        return Subscribing(key, tuple(asked), tuple(told), _judge, wanted)

    # --- speaking
    async def dial(
        self, opening: Spec, pin: Pin, target: Target, secrets: Mapping[str, str], limit: int,
        on_event: OnEvent, on_end: OnEnd, deadline: float,
    ) -> Wire:  # fmt: skip
        values = {**{name: target.settings[name] for name in opening.settings}, **secrets}
        try:
            said = [step.line.fill("connection", values) for step in opening.opening if isinstance(step, Send)]
        except FabricError as error:
            raise FabricError(Code.TARGET_SETTINGS, f"target {target.name}: {error.message}") from None

        def make() -> LineSession:
            return LineSession(opening, said, limit)

        wire: SessionWire = await dial(pin, self.tls(pin), make, on_event, on_end, deadline)
        return wire

    async def exchange(self, called: Called[Template]) -> Exchanged:
        template, call = called.template, called.call
        check_arguments(template.effect, template.validators, frozenset(), call.args, {})
        line = template.line.fill(template.effect, call.args)
        limit = call.manifest.limits.answer_bytes
        reply = await called.link.ask(Asked(line, template.reply), called.course, limit=limit, sure=called.sure)
        said = reply.value
        assert isinstance(said, Said)
        value: dict[str, Any] = {"line": said.line, "body": ""}
        if said.body is not None:
            value |= _text(self.redactor.redact, self.redactor.found, said.body)
            return Exchanged(value)
        rule = template.reply.ok if said.ok else template.reply.failed
        if rule is not None:
            value["body"] = rule.group(said.line)
        if said.ok:
            return Exchanged(value)
        sure = template.reply.conclusive(said.line)
        return Exchanged(value, False, value["body"] or said.line, conclusive=sure)

    def shown(self, template: Template, args: Mapping[str, Any]) -> str:
        later = later_results(args)
        check_arguments(template.effect, template.validators, frozenset(), args, later)
        template.line.fill(template.effect, {**args, **dict.fromkeys(later, "x")})
        pieces = [template.line.texts[0]]
        for number, name in enumerate(template.line.names):
            pieces += (
                f"<result {later[name]}>" if name in later else text_form(args[name]),
                template.line.texts[number + 1],
            )
        return "".join(pieces)


def _template(name: str, effect: Effect, spec: Spec) -> Template:
    for place in ("query", "headers", "form", "body", "view", "provider_key", "optional"):
        if getattr(effect, place):
            raise template_fault(name, f"the tcp driver takes no {'json' if place == 'body' else place}")
    line = compile_line(effect.operation, f"effect {name}", percent if spec.percent else plain)
    if set(line.names) != set(effect.path) or set(effect.path) != set(effect.arguments()):
        raise template_fault(name, "the places in the line and the schemas under path do not match")
    validators = {argument: compile_schema(schema, argument) for argument, schema in effect.arguments().items()}
    return Template(name, line, compile_reply(effect.reply, f"effect {name}.reply"), validators)


def _subscribe(item: object, where: str) -> Asked:
    """A line whose reply is not awaited, or `{send, ok, failed}`."""
    if isinstance(item, str):
        return Asked(_constant(item, where), None, subscribes=True)
    given = members(where, item, frozenset({"send", "ok", "failed"}))
    if "ok" not in given:
        raise FabricError(Code.MANIFEST_INVALID, f"{where} has no ok: a line whose reply is not awaited stands alone")
    reply = compile_reply({key: one for key, one in given.items() if key != "send"}, where)
    return Asked(_constant(given.get("send"), where), reply, subscribes=True)


def _constant(item: object, where: str) -> str:
    line = compile_line(item, where, plain)
    if line.names:
        raise FabricError(Code.MANIFEST_INVALID, f"{where} takes no places")
    return line.texts[0]


def _judge(said: Any) -> str | None:
    assert isinstance(said, Said)
    return None if said.ok else said.line


def _text(redact: Any, found: Any, body: bytes) -> dict[str, str]:
    """A body as text, or as base64 where it is none; secrets masked before they could hide in base64."""
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        text = body.decode("latin-1")
        if found(text):
            body = redact(text).encode("latin-1", "replace")
        return {"body": base64.b64encode(body).decode("ascii"), "encoding": "base64"}
