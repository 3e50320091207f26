"""Masking of secrets in whatever leaves the kernel: logs, answers, messages, terminal.

The redactor knows every secret value that was handed out, and for each the forms it may take (see `disguises`). What
it cannot cut out precisely it masks whole: after `redact`, `found` is false.

Everybody's secrets are masked for everybody. What may not be said is narrower: `holds_of` looks for the secrets of some
tenants alone, so that nobody stops another tenant's asks by keeping its words as a secret.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys import disguises
from infrafabric.keys.disguises import Traced

__all__ = ["MASK", "MIN_CHARACTERS", "SecretRedactor", "check_secret"]

MASK = "[***]"
"""Shorter than any secret, so that it can hold none."""
MIN_CHARACTERS = 8
MAX_LINE = 500
LONG_LINE = 32
"""A line of a secret of several lines (a PEM file) is masked by itself too when it is this long."""


def check_secret(value: str) -> None:
    """Raise IF_ERR_SECRET_TOO_SHORT or IF_ERR_SECRET_NOT_TEXT for a value that could not be masked safely.

    A secret has at least 8 characters after undoing escapes and dropping white space. A shorter one would either be
    masked wherever it occurs by chance, which tells what it is, or not be masked at all.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise FabricError(Code.SECRET_NOT_TEXT, "a secret holds a lone surrogate") from None
    if len(disguises.normal(value)) < MIN_CHARACTERS:
        raise FabricError(
            Code.SECRET_TOO_SHORT, f"a secret has fewer than {MIN_CHARACTERS} characters besides white space"
        )


@dataclass(frozen=True, slots=True)
class _Needle:
    """One form of one secret."""

    secret: str
    form: str
    also: tuple[str, ...]
    """The form, and what it becomes as escapes are undone."""
    base64: bool
    """Whether it is a piece of base64, to be masked with the characters beside it that it decides in part."""
    hex: bool
    """Whether the form is hex digits, whose case does not matter."""


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a search needs, replaced as one so that readers take no lock."""

    secrets: Mapping[str, frozenset[str | None]] = field(default_factory=dict)
    """By value the tenants whose secret it is; None among them: it is everybody's."""
    exact: tuple[tuple[str, _Needle], ...] = ()
    """What to look for, and the needle that it shows."""
    hex: tuple[tuple[str, _Needle], ...] = ()
    """The same, to be looked for in lowered text."""


class SecretRedactor:
    """Masks the secrets that it has learned. Safe to use from several threads; keeps values, shows none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = _Known()

    def learn(self, value: str, tenant: str | None = None) -> None:
        """Mask `value` from now on, a secret of `tenant`, or everybody's where none is named.

        Raises IF_ERR_SECRET_TOO_SHORT, IF_ERR_SECRET_NOT_TEXT; see `check_secret`.
        """
        if tenant in self._known.secrets.get(value, ()):
            return
        check_secret(value)
        lines = [line for line in value.split("\n") if len(line.strip()) >= LONG_LINE and not line.startswith("-----")]
        parts = {value, *map(str.strip, lines)}
        made = [_needle(value, form, base64) for part in parts for form, base64 in disguises.forms(part).items()]
        with self._lock:
            known = self._known
            before = known.secrets.get(value)
            secrets = {**known.secrets, value: (before or frozenset()) | {tenant}}
            if before is not None:
                self._known = _Known(secrets, known.exact, known.hex)
                return
            exact = [(form, needle) for needle in made if not needle.hex for form in needle.also]
            hexed = [(form, needle) for needle in made if needle.hex for form in needle.also]
            self._known = _Known(secrets, (*known.exact, *exact), (*known.hex, *hexed))

    def found(self, text: str) -> bool:
        """Whether `text` holds a secret, in any form that the redactor knows."""
        return bool(self._hits(text))

    def holds_of(self, text: str, tenants: Collection[str]) -> bool:
        """Whether `text` holds a secret of one of the tenants, or one that is everybody's."""
        secrets = self._known.secrets
        return any(
            None in owners or not owners.isdisjoint(tenants)
            for owners in (secrets.get(needle.secret, frozenset({None})) for needle in self._hits(text))
        )

    def redact(self, text: str) -> str:
        """`text` with every secret in it masked."""
        hits = self._hits(text)
        if not hits:
            return text
        masked = _cut(text, _spans(disguises.itself(text), hits))
        if not self.found(masked):
            return masked
        masked = _cut(text, (span for view in disguises.traced(text) for span in _spans(view, hits)))
        return MASK if self.found(masked) else masked

    def redact_json(self, value: Any) -> Any:
        """A JSON value with the secrets in its strings, member names and numbers masked."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self.redact_json(key): self.redact_json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.redact_json(item) for item in value]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self.found(str(value)):
            return MASK
        return value

    def message_of(self, error: BaseException) -> str:
        """An exception in one line of at most 500 characters, secrets masked, safe to print and record."""
        try:
            text = str(error)
        except Exception:
            text = "(its message cannot be shown)"
        # Masked before it is cut and joined to a line: half a secret would not be recognized.
        line = " ".join(self.redact(text).split())
        line = "".join(char if char.isprintable() else "�" for char in line)
        line = f"{type(error).__name__}: {line}" if line else type(error).__name__
        return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"

    def _hits(self, text: str) -> list[_Needle]:
        known = self._known
        if not known.secrets or not text:
            return []
        hits: dict[tuple[str, str], _Needle] = {}
        for view in disguises.views(text):
            hits |= {(needle.secret, needle.form): needle for form, needle in known.exact if form in view}
            lowered = view.translate(_LOWER)
            hits |= {(needle.secret, needle.form): needle for form, needle in known.hex if form in lowered}
        return list(hits.values())

    def __repr__(self) -> str:
        return f"SecretRedactor({len(self._known.secrets)} secrets)"


def _needle(secret: str, form: str, base64: bool) -> _Needle:
    also = tuple(view for view in disguises.views(form) if view == form or len(view) >= disguises.MIN_NORMAL)
    return _Needle(secret, form, also, base64, _HEX.fullmatch(form) is not None)


_HEX = re.compile("[0-9a-f]{8,}")


_LOWER = str.maketrans("ABCDEF", "abcdef")


def _spans(view: Traced, needles: list[_Needle]) -> Iterator[tuple[int, int]]:
    """Where in the original of `view` the needles stand, as far as this view shows them."""
    for needle in needles:
        text = view.text.translate(_LOWER) if needle.hex else view.text
        for form in needle.also:
            at = text.find(form)
            while at >= 0:
                start, end = at, at + len(form)
                if needle.base64:
                    start -= _is_base64(text[start - 1 : start])
                    end += _is_base64(text[end : end + 1])
                yield view.span(start, end)
                at = text.find(form, at + 1)


def _is_base64(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in ("+", "/", "-", "_"))


def _cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with the union of `spans` masked."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end <= done:
            continue
        if start > done or not parts:
            parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])
