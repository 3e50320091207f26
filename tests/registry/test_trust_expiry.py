"""Warnings ahead of the expiry, and the grace after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.trust_expiry import MAX_GRACE, check_expiry, expiry_warning, make_grace, read_grace

if TYPE_CHECKING:
    from press import Press

LOG = "example.org/log"
EXPIRES = datetime(2027, 11, 21, tzinfo=UTC)
LOADED = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (timedelta(days=31), None),
        (timedelta(days=30, seconds=1), None),
        (timedelta(days=30), 30),
        (timedelta(days=7, seconds=1), 30),
        (timedelta(days=7), 7),
        (timedelta(days=1), 1),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(days=-3), 0),
    ],
)
def test_people_are_told_ahead(press: Press, left: timedelta, expected: int | None) -> None:
    assert expiry_warning(press.trusted(press.trust()), EXPIRES - left) == expected


def test_a_set_holds_up_to_its_expiry(press: Press) -> None:
    trusted = press.trusted(press.trust())
    assert check_expiry(trusted, EXPIRES - timedelta(seconds=1), digest=LOADED, given=None) is None
    with pytest.raises(FabricError) as caught:
        check_expiry(trusted, EXPIRES, digest=LOADED, given=None)
    assert caught.value.code is Code.TRUST_EXPIRED


def test_a_grace_covers_what_was_loaded_and_for_a_while(press: Press) -> None:
    trusted = press.trusted(press.trust())
    until = EXPIRES + timedelta(days=2)
    document = make_grace(trusted, LOG, [LOADED], until, "the root keys are in the bank", press.key("operator"))
    given = read_grace(document, trusted, LOG)
    assert check_expiry(trusted, until - timedelta(seconds=1), digest=LOADED, given=given) is given
    for digest, now in ((OTHER, EXPIRES), (LOADED, until)):
        with pytest.raises(FabricError) as caught:
            check_expiry(trusted, now, digest=digest, given=given)
        assert caught.value.code is Code.TRUST_EXPIRED


def test_a_grace_is_for_one_set(press: Press) -> None:
    trusted = press.trusted(press.trust())
    other = press.trusted(press.trust(version=2))
    document = make_grace(trusted, LOG, [LOADED], EXPIRES, "why", press.key("operator"))
    with pytest.raises(FabricError) as caught:
        read_grace(document, other, LOG)
    assert caught.value.code is Code.GRACE_INVALID
    with pytest.raises(FabricError) as caught:
        check_expiry(other, EXPIRES, digest=LOADED, given=read_grace(document, trusted, LOG))
    assert caught.value.code is Code.TRUST_EXPIRED


@pytest.mark.parametrize("name", ["root", "publisher", "stranger"])
def test_only_an_operator_gives_grace(press: Press, name: str) -> None:
    with pytest.raises(FabricError) as caught:
        make_grace(press.trusted(press.trust()), LOG, [LOADED], EXPIRES, "why", press.key(name))
    assert caught.value.code is Code.OPERATOR_UNKNOWN


def test_a_grace_is_short(press: Press) -> None:
    until = EXPIRES + MAX_GRACE + timedelta(seconds=1)
    with pytest.raises(FabricError) as caught:
        make_grace(press.trusted(press.trust()), LOG, [LOADED], until, "why", press.key("operator"))
    assert caught.value.code is Code.GRACE_TOO_LONG


@pytest.mark.parametrize(("days", "fits"), [(0, False), (2, False), (3, True), (400, True)])
def test_a_home_may_take_shorter_ones_only(press: Press, days: int, fits: bool) -> None:
    trusted = press.trusted(press.trust())
    document = make_grace(trusted, LOG, [LOADED], EXPIRES + timedelta(days=3), "why", press.key("operator"))
    if fits:
        assert read_grace(document, trusted, LOG, timedelta(days=days)).grace.covers == (LOADED,)
        return
    with pytest.raises(FabricError) as caught:
        read_grace(document, trusted, LOG, timedelta(days=days))
    assert caught.value.code is Code.GRACE_TOO_LONG


def test_a_grace_over_nothing_is_refused(press: Press) -> None:
    with pytest.raises(FabricError) as caught:
        make_grace(press.trusted(press.trust()), LOG, [], EXPIRES, "why", press.key("operator"))
    assert caught.value.code is Code.GRACE_EMPTY
