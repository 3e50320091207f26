"""When a lasting connection is opened, opened again, and let go. A state machine without I/O; times in seconds.

    resting ──used──► opening ──► open ──lost──► waiting ──due──► opening
                        │ └─failed─► waiting (or resting, where nobody needs it)
                        └─refused──► refused ──used, after a while──► opening

Rules:
- The first attempt after a loss is made at once, the next ones after 100 to 500 ms, so that a peer which is back is
  found within a second. After a minute without success the steps are 500 to 1500 ms.
- A connection that did not live for two seconds is followed by a pause too: some peers drop us as soon as we are in.
- A peer that takes the connection and fails in the opening is given the manifest's backoff, but at most 1.5 s.
- A peer that refused us is not asked again by itself, and when somebody asks, not before the manifest's backoff is
  over: a locked-out account is worse than a late one.
- It goes on by itself as long as somebody listens, or somebody asked through it during the last minute. That it was
  opened is no use of it: a peer that drops us each time is let be a minute after the last one who asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

__all__ = ["KEEP_S", "RECENT_S", "Failure", "State", "Supervision"]

RECENT_S = 60.0
"""How long after its last use a lost connection is still opened again by itself."""
KEEP_S = 300.0
"""How long an open connection is kept that nobody used and nobody listens on."""
STEPS_S = (0.1, 0.5)
LATER_S = 60.0
LATER_STEPS_S = (0.5, 1.5)
FAILING_MOST_S = 1.5
STABLE_S = 2.0

State = Literal["resting", "opening", "open", "waiting", "refused", "closed"]
Failure = Literal["unreachable", "failing", "refused"]
"""No connection; a connection whose opening failed; an opening that ended in a no."""


class Supervision:
    """The state of one lasting connection. `uniform` gives a random number between two."""

    def __init__(self, backoff: tuple[float, ...], uniform: Callable[[float, float], float] = random.uniform) -> None:
        self.state: State = "resting"
        self.openings = 0
        """Connections that were opened in all."""
        self.listeners = 0
        self._backoff = backoff or (1.0,)
        self._uniform = uniform
        self._used = float("-inf")
        self._asked = False
        self._until = 0.0
        self._down_since = 0.0
        self._opened_at = 0.0
        self._tries = 0
        self._refusals = 0

    # --- what is needed
    @property
    def used_at(self) -> float:
        return self._used

    def touch(self, now: float) -> None:
        """It was used."""
        self._used = now

    def ask(self, now: float) -> None:
        """Somebody needs it now: the next opening does not wait, except after a refusal."""
        self._used = now
        self._asked = True

    def needed(self, now: float) -> bool:
        return self.listeners > 0 or now - self._used <= RECENT_S

    def useless(self, now: float) -> bool:
        """Whether an open connection may be let go."""
        return self.state == "open" and self.listeners == 0 and now - self._used > KEEP_S

    def held(self, now: float) -> float:
        """Seconds for which a refused connection must not be tried, whoever asks."""
        return max(0.0, self._until - now) if self.state == "refused" else 0.0

    def due(self, now: float) -> float | None:
        """Seconds until an opening is to begin; None: not until something happens."""
        if self.state in ("opening", "open", "closed"):
            return None
        if self.state == "refused":
            return max(0.0, self._until - now) if self._asked else None
        if self._asked:
            return 0.0
        if self.state == "waiting" and self.needed(now):
            return max(0.0, self._until - now)
        return None

    # --- what happened
    def begin(self) -> None:
        assert self.state not in ("opening", "open", "closed")
        self.state = "opening"
        self._asked = False

    def opened(self, now: float) -> None:
        assert self.state == "opening"
        self.state = "open"
        self._asked = False
        self.openings += 1
        self._opened_at = now
        self._tries = self._refusals = 0

    def failed(self, now: float, failure: Failure) -> None:
        assert self.state == "opening"
        self._asked = False
        if failure == "refused":
            self.state = "refused"
            self._until = now + self._backoff[min(self._refusals, len(self._backoff) - 1)]
            self._refusals += 1
            return
        if self._tries == 0:
            self._down_since = now
        self.state = "waiting"
        if failure == "failing":
            step = min(self._backoff[min(self._tries, len(self._backoff) - 1)], FAILING_MOST_S)
            step = max(step, STEPS_S[0]) * self._uniform(0.8, 1.0)
        else:
            step = self._uniform(*(STEPS_S if now - self._down_since < LATER_S else LATER_STEPS_S))
        self._tries += 1
        self._until = now + step

    def lost(self, now: float) -> None:
        """An open connection ended that was still wanted."""
        assert self.state == "open"
        self.state = "waiting"
        self._down_since = self._until = now
        if now - self._opened_at < STABLE_S:
            self._until += self._uniform(*LATER_STEPS_S)
        self._tries = 1

    def rest(self) -> None:
        """An open connection was let go."""
        assert self.state == "open"
        self.state = "resting"

    def close(self) -> None:
        self.state = "closed"
