"""What is told of everything that a peer says by itself: signals, views."""

from __future__ import annotations

from typing import Protocol

from infrafabric.kernel.errors import FabricError
from infrafabric.transports.lasting.session import News

__all__ = ["Hearer"]


class Hearer(Protocol):
    """Something kept current by what the peer tells. Called in the loop, for every message; never blocks or raises."""

    @property
    def holding(self) -> bool:
        """Whether somebody waits for it, so that it is worth a connection."""
        ...

    def hear(self, news: News) -> None: ...

    def lost(self, refusal: FabricError | None) -> None:
        """The connection is gone; `refusal` where it is not going to come back by itself."""
        ...

    async def opened(self) -> None:
        """There is a connection again. Run as a task where `holding`; may raise FabricError."""
        ...
