"""What the drivers' tests share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both loops: uvloop is what kernels run on, and its transports differ from asyncio's."""
    return "asyncio", {"use_uvloop": request.param}
