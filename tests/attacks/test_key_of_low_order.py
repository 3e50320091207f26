"""Under a key of low order one signature fits many messages; under a non-canonical one, one key has several names."""

from __future__ import annotations

import base64

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import PublicKey, SigningKey

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
SIGN = 1 << 255

# The y coordinates of the eight points whose order divides 8, and those of them that also have a name beyond p.
Y_OF_ORDER_8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
LOW_ORDER_Y = {
    "order 4": 0,
    "identity": 1,
    "order 2": P - 1,
    "order 8": Y_OF_ORDER_8,
    "order 8, other": P - Y_OF_ORDER_8,
    "order 4, not canonical": P,
    "identity, not canonical": P + 1,
}


def encoded(y: int) -> bytes:
    return y.to_bytes(32, "little")


def refused(raw: bytes) -> bool:
    """Whether enrolment refuses, in both spellings, with the code for it."""
    for key in (raw, base64.b64encode(raw).decode()):
        try:
            PublicKey.enrol(key)
        except FabricError as error:
            assert error.code is Code.KEY_INVALID
        else:
            return False
    return True


def test_the_list_is_what_it_says() -> None:
    """8 * P is the identity for each: checked with plain arithmetic, so that the list cannot be wrong by a typo."""
    for y in LOW_ORDER_Y.values():
        x_squared = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(x_squared, (P + 3) // 8, P)
        if x * x % P != x_squared:
            x = x * pow(2, (P - 1) // 4, P) % P
        assert x * x % P == x_squared
        point = (x, y % P)
        for _ in range(3):
            point = added(point, point)
        assert point == (0, 1)


def added(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    k = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, P) % P
    return x, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P


@pytest.mark.parametrize("y", LOW_ORDER_Y.values(), ids=LOW_ORDER_Y.keys())
@pytest.mark.parametrize("sign", [0, SIGN], ids=["plus", "minus"])
def test_no_point_of_low_order_is_enrolled(y: int, sign: int) -> None:
    assert refused(encoded(y | sign))


@pytest.mark.parametrize("sign", [0, SIGN], ids=["plus", "minus"])
def test_no_coordinate_beyond_p_is_enrolled(sign: int) -> None:
    assert all(refused(encoded(y | sign)) for y in range(P, 2**255))


def test_no_point_outside_the_prime_order_subgroup_is_enrolled() -> None:
    """(x, y) + (0, -1) = (-x, -y): a sound key plus the point of order 2 verifies in some libraries only."""
    for _ in range(20):
        raw = int.from_bytes(SigningKey.generate().public.raw, "little")
        assert refused(encoded(P - raw % SIGN | (raw & SIGN ^ SIGN)))


def test_what_is_no_point_is_not_enrolled() -> None:
    assert refused(encoded(2))
    assert refused(b"\xff" * 32)


def test_sound_keys_are_enrolled() -> None:
    for _ in range(20):
        key = SigningKey.generate().public
        assert PublicKey.enrol(key.raw) == PublicKey.enrol(str(key)) == key
