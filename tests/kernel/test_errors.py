"""The taxonomy: every code has one meaning, a remedy, and statuses that fit each other."""

from __future__ import annotations

import pickle

import pytest

from infrafabric.kernel.errors import TABLE, Code, FabricError


@pytest.mark.parametrize("code", list(Code))
def test_every_code_says_what_it_means_and_what_to_do(code: Code) -> None:
    spec = TABLE[code]
    assert code.value == f"IF_ERR_{code.name}"
    assert spec.meaning.endswith(".") and spec.remedy.endswith(".")
    assert spec.exit_code in (1, 2) and 200 <= spec.http_status < 600
    assert spec.exit_code == 1 or 400 <= spec.http_status < 500, "a usage error is the caller's"


def test_no_two_codes_share_a_meaning() -> None:
    meanings = [spec.meaning for spec in TABLE.values()]
    assert len(set(meanings)) == len(meanings)


def test_json_has_the_shape_that_every_door_answers_with() -> None:
    error = FabricError(Code.RATE_LIMITED, "vmix@studio-a", retry_after=1.5)
    assert error.as_json() == {
        "code": "IF_ERR_RATE_LIMITED",
        "message": "vmix@studio-a",
        "remedy": TABLE[Code.RATE_LIMITED].remedy,
        "retry_after": 1.5,
    }


def test_an_error_survives_a_process_boundary() -> None:
    error = FabricError(Code.BUSY, "later", remedy="wait", retry_after=2)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (its own bytes)
    assert again.as_json() == error.as_json()
