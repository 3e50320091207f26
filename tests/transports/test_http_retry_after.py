"""Retry-After as RFC 9110 section 10.2.3 has it: a number of seconds or a date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infrafabric.transports.http.answer import retry_after
from infrafabric.transports.http.connection import Head

NOW = datetime(2026, 11, 6, 8, 49, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (b"120", 120.0),
        (b"0", 0.0),
        (b" 7 ", 7.0),
        (b"Fri, 06 Nov 2026 08:49:37 GMT", 7.0),
        (b"Fri, 06 Nov 2026 08:49:37 -0000", 7.0),
        (b"Fri, 06 Nov 2020 08:49:37 GMT", 0.0),
        (b"86400", 86400.0),
        (b"86401", None),
        (b"999999999999999999999999", None),
        (b"Fri, 06 Nov 2029 08:49:37 GMT", None),
        (b"-1", None),
        (b"1.5", None),
        (b"soon", None),
        (b"\xb2", None),
        (b"", None),
        (b"Fri, 99 Nov 2026 08:49:37 GMT", None),
        (b"3, 5", None),
    ],
)
def test_what_can_be_read_is_and_the_rest_says_nothing(said: bytes, seconds: float | None) -> None:
    head = Head(status=503, reason=b"", headers=((b"retry-after", said),))
    assert retry_after(head, NOW) == seconds


def test_none_is_none() -> None:
    assert retry_after(Head(status=503, reason=b"", headers=()), NOW) is None
