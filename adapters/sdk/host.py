"""The kernel as an adapter sees it: named reads, changes performed by id, waits. Nothing else of the world is there."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Mapping
from typing import Any, Literal

from infrafabric.adapters.sdk.changes import Change
from infrafabric.adapters.sdk.errors import EffectError

__all__ = ["Answer", "Host", "Request"]

__tracebackhide__ = True


class Answer:
    """What the world answered to one request."""

    __slots__ = ("code", "dry_run", "ok", "problem", "value")

    def __init__(
        self, value: Any, *, ok: bool = True, code: str = "", problem: str = "", dry_run: bool = False
    ) -> None:
        self.value = value
        """The driver's answer, as JSON. Of the http driver: `{"status", "headers", "body"}`."""
        self.ok = ok
        """Whether the target says that it did what was asked."""
        self.code = code
        """Where not ok: the kernel's code."""
        self.problem = problem
        """Where not ok: what went wrong, in one line."""
        self.dry_run = dry_run
        """True for a write in a dry run: nothing was sent, `value` is empty."""

    @property
    def status(self) -> int:
        """The HTTP status; 0 where the driver has none."""
        status = self._member("status")
        return status if isinstance(status, int) else 0

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers, by lower-case name; empty where the driver has none."""
        headers = self._member("headers")
        return headers if isinstance(headers, dict) else {}

    @property
    def content(self) -> bytes:
        """The body as bytes."""
        body = self._body()
        return base64.b64decode(body) if self._member("encoding") == "base64" else body.encode()

    @property
    def text(self) -> str:
        """The body as text. Raises ValueError where the answer has none or it is not text."""
        return self.content.decode() if self._member("encoding") == "base64" else self._body()

    def json(self) -> Any:
        """The body parsed as JSON; of a driver whose answers have no body, the answer itself."""
        return json.loads(self.text) if self._member("body") is not None else self.value

    def _member(self, name: str) -> Any:
        return self.value.get(name) if isinstance(self.value, dict) else None

    def _body(self) -> str:
        body = self._member("body")
        if not isinstance(body, str):
            raise ValueError("the answer has no body; see Answer.value")
        return body

    def __repr__(self) -> str:
        return f"Answer(ok={self.ok}, value={self.value!r})"


class Request:
    """What an awaited host method hands to the kernel: exactly one of `read`, `perform`, `wait`."""

    __slots__ = ("shape",)

    def __init__(self, shape: dict[str, Any]) -> None:
        self.shape = shape

    def __await__(self) -> Generator[Request, dict[str, Any], dict[str, Any]]:
        return (yield self)


class Host:
    """Given to `plan` and `apply`. Every method is awaited, one at a time."""

    __slots__ = ("_dry_run", "_op", "performed")

    def __init__(self, op: Literal["plan", "apply"], dry_run: bool = False) -> None:
        self._op = op
        self._dry_run = dry_run
        self.performed: list[str] = []
        """Ids of the changes that the target took in this run, in order."""

    async def read(self, effect: str, /, *, check: bool = True, **args: Any) -> Answer:
        """Perform the read effect `effect` of the manifest: `await host.read("entity", entity_id="light.a")`.

        Raises EffectError where the target cannot be reached or says no; with `check=False` that is an answer whose
        `ok` is False. (An argument that is itself called `check` goes by `read_with`.)
        """
        return await self.read_with(effect, args, check=check)

    async def read_with(self, effect: str, args: Mapping[str, Any], *, check: bool = True) -> Answer:
        """`read`, with the arguments as a mapping."""
        return self._answer(await Request({"read": effect, "args": dict(args)}), check)

    async def perform(self, change: Change | str, /, *, check: bool = True) -> Answer:
        """Perform a change of the approved plan, by id. In a dry run nothing is sent and the answer says so.

        Raises EffectError as `read` does. Each change can be performed once.
        """
        if self._op != "apply":
            raise RuntimeError("only apply performs changes; plan returns them")
        change_id = change.id if isinstance(change, Change) else change
        answer = self._answer(await Request({"perform": change_id}), check, dry_run=self._dry_run)
        if answer.ok:
            self.performed.append(change_id)
        return answer

    async def wait(self, seconds: float) -> None:
        """Let time pass. Only `apply` may wait; there is no clock in the guest."""
        if self._op != "apply":
            raise RuntimeError("only apply waits; the kernel plans again by itself while a change settles")
        self._answer(await Request({"wait": seconds}), check=True)

    async def news(self, within: float) -> float:
        """Let time pass until the target tells of a change, at most `within` seconds; the seconds that passed.

        What changed is not said: read it. Where the manifest has no `signals`, or they cannot be had now, all of
        `within` passes. Only `apply` may wait.
        """
        if self._op != "apply":
            raise RuntimeError("only apply waits; the kernel plans again by itself while a change settles")
        answer = self._answer(await Request({"wait": within, "news": True}), check=True)
        passed = answer.value.get("passed_s", within) if isinstance(answer.value, dict) else within
        return float(passed)

    @staticmethod
    def _answer(step: dict[str, Any], check: bool, dry_run: bool = False) -> Answer:
        error = step.get("error")
        if error is None:
            return Answer(step["ok"], dry_run=dry_run)
        code, message, value = error["code"], error["message"], error.get("value")
        if check:
            raise EffectError(code, message, value)
        return Answer(value if value is not None else {}, ok=False, code=code, problem=message)
