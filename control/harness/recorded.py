"""Run an adapter natively on recorded answers: no network, no sandbox, no event loop, tracebacks as they are."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infrafabric.adapters.sdk import Adapter, Plan
from infrafabric.adapters.sdk.host import Host, Request
from infrafabric.kernel.canonical import dumps, loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.schemas import compile_schema, misfit
from infrafabric.kernel.words.manifest import Effect, Manifest

__all__ = [
    "Failure",
    "Performed",
    "Played",
    "Recorded",
    "Script",
    "check_call",
    "check_intent",
    "http_answer",
    "perform",
    "play",
]

MAX_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A recorded answer that is a refusal: the adapter sees it as an EffectError."""

    code: str = Code.TARGET_STATUS.value
    message: str = "the target said no"
    value: Mapping[str, Any] = field(default_factory=dict)


Recorded = str | Mapping[str, Any] | Failure | Sequence[Any] | Callable[[Mapping[str, Any]], Any]
"""What an effect answers: text (the body of an HTTP 200), a driver's answer, a Failure, one of these for each time it
is asked (the last one stays), or a function from the arguments to one of these."""


@dataclass(frozen=True, slots=True)
class Played:
    """A plan and the requests that led to it."""

    plan: Plan
    requests: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Performed:
    """What an apply did: the changes performed, in order, how long it waited, and every request."""

    changes: tuple[str, ...]
    waited_s: float
    requests: tuple[Mapping[str, Any], ...]


def http_answer(body: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An answer as the http driver gives it."""
    return {"status": status, "headers": dict(headers or {}), "body": body}


def play(
    adapter: type[Adapter],
    intent: Mapping[str, Any],
    answers: Mapping[str, Recorded] | None = None,
    *,
    manifest: Manifest | None = None,
) -> Played:
    """The plan for `intent`, with `answers` by read effect.

    Raises what the adapter raises; AssertionError for a read without a recorded answer. With the manifest it checks
    what the kernel would: IF_ERR_INTENT_INVALID, IF_ERR_EFFECT_UNKNOWN, _NOT_READ, _NOT_WRITE, _ARGUMENT.
    """
    if manifest is not None:
        check_intent(manifest, intent)
    script = Script(answers or {}, manifest)
    plan = script.drive(adapter().plan(loads(dumps(dict(intent))), Host("plan")))
    if not isinstance(plan, Plan):
        raise FabricError(Code.ADAPTER_PROTOCOL, f"plan returned {type(plan).__name__}, not a Plan")
    dumps(plan.as_json())
    return script.played(plan)


def perform(
    adapter: type[Adapter],
    plan: Plan,
    answers: Mapping[str, Recorded] | None = None,
    *,
    dry_run: bool = False,
    manifest: Manifest | None = None,
) -> Performed:
    """Apply `plan` natively. `answers` are by read effect, and by change id for writes; other writes succeed with `{}`.

    Raises as `play` does, and IF_ERR_CHANGE_UNKNOWN and IF_ERR_CHANGE_REPEATED as the kernel would.
    """
    script = Script(answers or {}, manifest, plan)
    script.drive(adapter().apply(Plan.from_json(plan.as_json()), Host("apply", dry_run), dry_run))
    return Performed(tuple(script.performed), script.waited_s, tuple(script.requests))


class Script:
    """Answers a run's requests from the record."""

    def __init__(self, answers: Mapping[str, Recorded], manifest: Manifest | None, plan: Plan | None = None) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self.performed: list[str] = []
        self.waited_s = 0.0
        self._answers, self._manifest = answers, manifest
        self._changes = [change.id for change in plan] if plan is not None else []
        self._asked: dict[str, int] = {}

    def drive(self, running: Coroutine[Any, Any, Any]) -> Any:
        """The coroutine's result."""
        step: dict[str, Any] | None = None
        try:
            while True:
                request = running.send(step)
                if not isinstance(request, Request):
                    raise AssertionError("the adapter awaited something that is not of its host")
                step = self.answer(request.shape)
        except StopIteration as stop:
            return stop.value
        finally:
            running.close()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the kernel would answer. Raises AssertionError for what is not recorded, and as `play` says."""
        if len(self.requests) >= MAX_REQUESTS:
            raise AssertionError(f"the adapter made more than {MAX_REQUESTS} requests")
        self.requests.append(loads(dumps(dict(request))))
        if "wait" in request:
            self.waited_s += request["wait"]
            return {"ok": {}}
        if "perform" in request:
            return self._perform(request["perform"])
        name, args = request["read"], request["args"]
        if self._manifest is not None:
            check_call(self._manifest, name, args, write=False)
        if name not in self._answers:
            recorded = ", ".join(sorted(self._answers)) or "none"
            raise AssertionError(f"no answer is recorded for the read {name!r} (recorded: {recorded})")
        return self._recorded(name, args)

    def played(self, plan: Plan) -> Played:
        """The plan with its requests; with the manifest, every call in it is checked."""
        if self._manifest is not None:
            for change in plan:
                check_call(self._manifest, change.effect, change.args, write=True)
                if change.inverse is not None:
                    check_call(self._manifest, change.inverse.effect, change.inverse.args, write=True)
        return Played(plan, tuple(self.requests))

    def _perform(self, change_id: str) -> dict[str, Any]:
        if change_id not in self._changes:
            raise FabricError(Code.CHANGE_UNKNOWN, f"the plan holds no {change_id[:60]}")
        if change_id in self.performed:
            raise FabricError(Code.CHANGE_REPEATED, f"{change_id} was asked for twice")
        self.performed.append(change_id)
        return self._recorded(change_id, {}) if change_id in self._answers else {"ok": {}}

    def _recorded(self, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
        answer: Any = self._answers[name]
        if isinstance(answer, Sequence) and not isinstance(answer, str):
            turn = self._asked.get(name, 0)
            self._asked[name] = turn + 1
            answer = answer[min(turn, len(answer) - 1)]
        if callable(answer):
            answer = answer(args)
        if isinstance(answer, Failure):
            return {"error": {"code": answer.code, "message": answer.message, "value": dict(answer.value)}}
        return {"ok": http_answer(answer) if isinstance(answer, str) else loads(dumps(answer))}


def check_intent(manifest: Manifest, intent: Mapping[str, Any]) -> None:
    """Raise IF_ERR_INTENT_INVALID where the intent does not fit the manifest's schema."""
    problem = misfit(compile_schema(loads(dumps(dict(manifest.intent)))), dict(intent))
    if problem is not None:
        raise FabricError(Code.INTENT_INVALID, f"{problem[0] or 'the intent'} does not fit {problem[1]}")


def check_call(manifest: Manifest, name: str, args: Mapping[str, Any], *, write: bool) -> Effect:
    """The effect of that name, if it is declared, of the right direction, and takes these arguments.

    Raises IF_ERR_EFFECT_UNKNOWN, IF_ERR_EFFECT_NOT_READ, IF_ERR_EFFECT_NOT_WRITE, IF_ERR_EFFECT_ARGUMENT. Where an
    argument's value would stand in a request is the driver's business, and is checked there.
    """
    effect = manifest.effects.get(name)
    if effect is None:
        raise FabricError(Code.EFFECT_UNKNOWN, f"{manifest.name} declares no effect {name[:60]!r}")
    if effect.is_read and write:
        raise FabricError(Code.EFFECT_NOT_WRITE, f"{name} is a read and was planned as a change")
    if not effect.is_read and not write:
        raise FabricError(Code.EFFECT_NOT_READ, f"{name} is a write and was asked for as a read")
    schemas = effect.arguments()
    for argument in sorted(set(schemas) - set(args) - set(effect.optional)):
        raise FabricError(Code.EFFECT_ARGUMENT, f"{name} lacks its argument {argument}")
    for argument, value in args.items():
        if argument not in schemas:
            raise FabricError(Code.EFFECT_ARGUMENT, f"{name} takes no argument {argument[:60]!r}")
        if isinstance(value, Mapping) and "$result" in value:
            continue
        problem = misfit(compile_schema(loads(dumps(dict(schemas[argument])))), value)
        if problem is not None:
            raise FabricError(Code.EFFECT_ARGUMENT, f"{name}: {argument} does not fit {problem[1]}")
    return effect
