"""How many streams a talent may hold open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Places"]


class Places:
    """Places of each of many talents, counted by its id."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """All that are taken now."""
        return self._taken.total()

    @contextmanager
    def one(self, talent: str) -> Iterator[None]:
        """Take a place for a while. Raises IF_ERR_BUSY where the talent has none left."""
        if self._taken[talent] >= self._each:
            raise FabricError(Code.BUSY, f"{talent} holds {self._each} streams open already", retry_after=10.0)
        self._taken[talent] += 1
        try:
            yield
        finally:
            self._taken[talent] -= 1
            if not self._taken[talent]:
                del self._taken[talent]
