"""Console sessions: a one-time link, then a cookie that works for the browser that it was given to alone.

They are kept in memory: a kernel that was restarted knows none. A cookie is sent by a browser whoever asks it to, so
whatever changes something must come from the console's own page and name the session's CSRF token; reading must not
come from another site's page either.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.requests import HTTPConnection

from infrafabric.control.api.auth.addresses import origin_of
from infrafabric.control.api.principal import ALL_SCOPES, Method, Principal
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["COOKIE", "CSRF_HEADER", "Opened", "Session", "Sessions", "same_origin", "source_of"]

COOKIE = "infrafabric_session"
CSRF_HEADER = "X-CSRF-Token"
MAX_SESSIONS = 1_000
MAX_LINKS = 100
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that came by a link, and until when it is known."""

    talent: str
    csrf: str
    address: str
    agent: str
    ends: datetime
    idle_ends: datetime
    number: str
    """Names the session in counts and messages; it opens nothing."""
    linked: datetime
    """When its link was made."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just begun. `cookie` is told to its browser, and kept nowhere."""

    cookie: str
    session: Session


@dataclass(frozen=True, slots=True)
class _Link:
    talent: str
    ends: datetime
    made: datetime


class Sessions:
    """Takes the session cookie. Links and cookies hold 256 random bits; what is kept of them is their digest."""

    cheap = True

    def __init__(
        self, authority: Authority, now: Callable[[], datetime], *, lasting_s: float, idle_s: float, link_s: float
    ) -> None:
        self._authority = authority
        self._now = now
        self._lasting, self._idle, self._link = (timedelta(seconds=it) for it in (lasting_s, idle_s, link_s))
        self._links: OrderedDict[str, _Link] = OrderedDict()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self.ended: Callable[[], None] = lambda: None
        """Called when a session was ended, so that what it holds open ends with it."""

    # --- beginning and ending

    def link(self, talent: str) -> str:
        """A fresh token that opens one session of `talent`. Raises IF_ERR_TALENT_*."""
        self._authority.talent(talent)
        token, now = secrets.token_urlsafe(32), self._now()
        while len(self._links) >= MAX_LINKS:
            self._links.popitem(last=False)
        self._links[_digest(token)] = _Link(talent, now + self._link, now)
        return token

    def open(self, token: str, address: str, agent: str) -> Opened:
        """Use a link up. Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_TALENT_*."""
        link = self._links.pop(_digest(token), None)
        if link is None:
            raise FabricError(Code.AUTH_INVALID, "the console link is none, or was used")
        now = self._now()
        if now >= link.ends:
            raise FabricError(Code.AUTH_EXPIRED, "the console link is over")
        self._authority.talent(link.talent)
        cookie = secrets.token_urlsafe(32)
        session = Session(
            link.talent,
            secrets.token_urlsafe(32),
            address,
            agent,
            now + self._lasting,
            now + self._idle,
            f"session-{secrets.token_hex(4)}",
            link.made,
        )
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.popitem(last=False)
            self.ended()
        self._sessions[_digest(cookie)] = session
        return Opened(cookie, session)

    def close(self, request: HTTPConnection) -> None:
        """End the session that the request shows. One that is none is as good as ended."""
        if self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None) is not None:
            self.ended()

    def current(self, request: HTTPConnection) -> Session | None:
        """The session that the request shows, if it holds one that was authenticated."""
        return self._sessions.get(_digest(request.cookies.get(COOKIE, "")))

    def holds(self, number: str) -> bool:
        """Whether the session of that number has not ended."""
        now = self._now()
        return any(one.number == number and now < min(one.ends, one.idle_ends) for one in self._sessions.values())

    # --- being known

    def shows(self, request: HTTPConnection) -> bool:
        return COOKIE in request.cookies

    async def authenticate(self, request: HTTPConnection) -> Principal:
        """Raises IF_ERR_AUTH_INVALID, IF_ERR_AUTH_EXPIRED, IF_ERR_CSRF, IF_ERR_TALENT_*."""
        digest = _digest(request.cookies[COOKIE])
        session = self._sessions.get(digest)
        if session is None:
            raise FabricError(Code.AUTH_INVALID, "the session is none that holds here")
        now = self._now()
        if now >= min(session.ends, session.idle_ends):
            del self._sessions[digest]
            self.ended()
            raise FabricError(Code.AUTH_EXPIRED, "the session is over")
        if (source_of(request), request.headers.get("user-agent", "")) != (session.address, session.agent):
            # Whoever has the cookie but is not the browser that it was given to: it is of no more use to anybody.
            del self._sessions[digest]
            self.ended()
            raise FabricError(Code.AUTH_INVALID, "the session was opened from elsewhere, and is ended")
        _check_origin(request, session)
        talent = self._authority.talent(session.talent)
        self._sessions[digest] = replace(session, idle_ends=now + self._idle)
        return Principal(talent, Method.SESSION, ALL_SCOPES, session.number)


def same_origin(request: HTTPConnection) -> bool:
    """Whether nothing says that the request comes from another page than the kernel's own (Fetch Metadata, Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin.lower() == origin_of(request)


def _check_origin(request: HTTPConnection, session: Session) -> None:
    if not same_origin(request):
        raise FabricError(Code.CSRF, "the request comes from another site's page")
    if request.scope["type"] == "websocket":
        if "origin" not in request.headers:
            raise FabricError(Code.CSRF, "a WebSocket with a session's cookie needs an Origin")
    elif request.scope["method"] not in _SAFE:
        shown = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(shown.encode(), session.csrf.encode()):
            raise FabricError(Code.CSRF, f"{CSRF_HEADER} is missing, or of another session")


def source_of(request: HTTPConnection) -> str:
    """Where a browser is. This machine is one place, by whichever of its addresses: `localhost` stands for two."""
    host = request.client.host if request.client is not None else ""
    try:
        return "loopback" if ipaddress.ip_address(host.partition("%")[0]).is_loopback else host
    except ValueError:
        return host


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass"))
