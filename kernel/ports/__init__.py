"""What the kernel needs of the other folders, as protocols: they implement these, `control/` wires them in."""

from __future__ import annotations

from infrafabric.kernel.ports.drivers import Answer, Driver, DriverCall, Health, Signals
from infrafabric.kernel.ports.log import Appended, Entry, Facts, Log, Project
from infrafabric.kernel.ports.policy import (
    Approvals,
    Asked,
    Breakers,
    Budgets,
    Failing,
    Governor,
    Guard,
    Question,
    Reserved,
    Sourced,
    Stops,
)
from infrafabric.kernel.ports.registry import Capability, Purpose, Registry
from infrafabric.kernel.ports.secrets import EventLog, Redactor, Scanner, SecretBackend, Secrets

__all__ = [
    "Answer",
    "Appended",
    "Approvals",
    "Asked",
    "Breakers",
    "Budgets",
    "Capability",
    "Driver",
    "DriverCall",
    "Entry",
    "EventLog",
    "Facts",
    "Failing",
    "Governor",
    "Guard",
    "Health",
    "Log",
    "Project",
    "Purpose",
    "Question",
    "Redactor",
    "Registry",
    "Reserved",
    "Scanner",
    "SecretBackend",
    "Secrets",
    "Signals",
    "Sourced",
    "Stops",
]
