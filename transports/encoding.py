"""How a value is written into its place in an HTTP request, so that it can never leave that place.

Each function takes a JSON scalar and gives the text for one place, or raises `Misplaced` with the reason. For every
value that is taken, decoding the place gives back exactly the value's text form.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import FabricError

__all__ = ["Misplaced", "header_value", "is_dotted", "path_piece", "query_piece", "text_form"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SLASHES = re.compile(r"[/\\\u2044\u2215\u29f5\u29f8\u29f9\u2216]")
"""Separators, and the characters that Windows' best-fit code page mapping and lenient servers take for them."""
_HEADER = re.compile(r"[\x20-\x7e\xa0-\xff]*")
_MAX_DECODES = 8


class Misplaced(ValueError):
    """A value that cannot stand in its place. The text says why and never holds the value."""


def text_form(value: object) -> str:
    """The one text form of a scalar: strings as they are, `true`, `false`, numbers as RFC 8785 writes them.

    So 1 and 1.0 are both `1`, and 1e21 is `1e+21`. Lone surrogates, NaN, infinities and integers beyond ±(2^53-1) have
    no form; null, arrays and objects have one in JSON only.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Misplaced("holds a lone surrogate") from None
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        try:
            return dumps(value).decode("ascii")
        except FabricError:
            raise Misplaced("is a number that JSON cannot carry exactly") from None
    raise Misplaced("is not a string, number or boolean")


def path_piece(value: object) -> str:
    """Text for a place in a path segment: all but RFC 3986 unreserved characters percent-encoded.

    Refused: empty text, control characters, and whatever a lenient server could read as a step to another folder
    (`..`, `../x`, `%2e%2e`, `..\\`, look-alike slashes and dots). A slash inside (`group/project`) becomes `%2F`.
    """
    text = text_form(value)
    if not text:
        raise Misplaced("is empty where a path segment stands")
    if _CONTROL.search(text):
        raise Misplaced("holds a control character where a path segment stands")
    if is_dotted(text):
        raise Misplaced("would lead to another path")
    return quote(text, safe="")


def query_piece(value: object) -> str:
    """Text for a name or value in a query or form: all but unreserved characters percent-encoded, space as `%20`.

    Refused: NUL, which ends the value for some servers.
    """
    text = text_form(value)
    if "\0" in text:
        raise Misplaced("holds NUL")
    return quote(text, safe="")


def header_value(value: object) -> str:
    """Text for a header's value: printable ASCII and Latin-1 letters, no CR, LF, NUL or tab, no outer spaces."""
    text = text_form(value)
    if _HEADER.fullmatch(text) is None:
        raise Misplaced("holds a character that a header cannot carry")
    if text != text.strip(" \xa0"):
        raise Misplaced("begins or ends with a space where a header stands")
    return text


def is_dotted(text: str) -> bool:
    """Whether some reading of `text` as a path has a `.` or `..` segment or decodes to a control character.

    The readings: percent-decoded any number of times, NFKC-normalized, look-alike slashes and backslashes as slashes,
    with or without path parameters (`..;x`).
    """
    for _ in range(_MAX_DECODES):
        if any(
            piece.partition(";")[0].strip() in (".", "..")
            for piece in _SLASHES.split(unicodedata.normalize("NFKC", text))
        ):
            return True
        decoded = unquote(text)
        if decoded == text:
            return False
        if _CONTROL.search(decoded):
            return True
        text = decoded
    return True
