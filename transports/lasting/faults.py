"""What went wrong with a lasting connection, as the error that callers see. Pure.

Texts may hold what a peer said; whoever shows them redacts them.
"""

from __future__ import annotations

import ssl

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.lasting.session import Ended, Malformed, Refused, TooLarge
from infrafabric.transports.lasting.supervision import Failure
from infrafabric.transports.lasting.wire import Lost

__all__ = ["again", "loss", "opening_failure", "unreachable"]


def unreachable(name: str, where: str, why: str, remedy: str | None = None) -> FabricError:
    return FabricError(Code.TARGET_UNREACHABLE, f"target {name} at {where}: {why}", remedy=remedy)


def opening_failure(name: str, where: str, error: Exception, limit_s: float) -> tuple[Failure, FabricError]:
    """What became of an opening that raised `error`. Nothing was sent by any caller."""
    if isinstance(error, Refused):
        said = FabricError(Code.TARGET_AUTH, f"target {name} at {where} did not let us in: {error}")
        return "refused", said
    if isinstance(error, FabricError):
        return "failing", error
    if isinstance(error, TimeoutError):
        return "unreachable", unreachable(name, where, f"no connection within {limit_s:g} s")
    if isinstance(error, ssl.SSLCertVerificationError):
        return "failing", unreachable(
            name, where, f"its certificate is not trusted ({error.verify_message})",
            "Check the name and the certificate's dates; give a private authority as ca_file of the driver.",
        )  # fmt: skip
    if isinstance(error, OSError):
        return "unreachable", unreachable(name, where, error.strerror or type(error).__name__)
    if isinstance(error, (Lost, Ended)):
        return "failing", unreachable(name, where, str(error) or "it closed the connection while it was opened")
    if isinstance(error, TooLarge):
        return "failing", unreachable(name, where, "its opening holds a message that is too large")
    if isinstance(error, Malformed):
        return "failing", unreachable(name, where, f"what answers there does not open as it should ({error})")
    return "failing", FabricError(Code.INTERNAL, f"opening {name} failed: {type(error).__name__}")


def loss(name: str, reason: Exception, answer_bytes: int) -> FabricError:
    """What a request that was sent meets with when its connection ends for `reason`; TimeoutError is a silent peer."""
    if isinstance(reason, TooLarge):
        return FabricError(Code.ANSWER_TOO_LARGE, f"target {name} sent a message of more than {answer_bytes} bytes")
    if isinstance(reason, Malformed):
        return FabricError(Code.ANSWER_INVALID, f"target {name} sent what is not of its protocol ({reason})")
    if isinstance(reason, TimeoutError):
        return FabricError(Code.TARGET_TIMEOUT, f"target {name} gave no sign of life")
    if isinstance(reason, (Lost, Ended, Refused)):
        return FabricError(Code.TARGET_LOST, f"target {name}: {reason} before it answered")
    return FabricError(Code.INTERNAL, f"speaking to {name} failed: {type(reason).__name__}")


def again(error: FabricError, retry_after: float | None = None) -> FabricError:
    """The same error for another caller: a traceback belongs to one."""
    return FabricError(error.code, error.message, remedy=error.remedy, retry_after=retry_after)
