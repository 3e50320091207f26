"""What the drivers' tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First: as long as a fixture of a whole session lives on a loop, anyio runs every later test on that loop."""
    items.sort(key=lambda item: HERE not in item.path.parents)


@pytest.fixture(scope="session", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both loops: uvloop is what kernels run on, and its transports differ from asyncio's."""
    return "asyncio", {"use_uvloop": request.param}
