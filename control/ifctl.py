"""`ifctl`: the command line of InfraFabric (`if` is a shell keyword)."""

from __future__ import annotations

import sys

import click

import infrafabric
from infrafabric.control.cli.frame import Lazy, Root
from infrafabric.control.cli.streams import ensure_streams

__all__ = ["ifctl", "main"]

_CLI = "infrafabric.control.cli"

MEMBERS = {
    "init": Lazy(f"{_CLI}.init", "init", "Make a home: keys, trust set, log, an operator."),
    "adapter": Lazy(f"{_CLI}.adapter", "adapter", "Write, check, sign, install and remove adapters."),
    "trust": Lazy(f"{_CLI}.trust", "trust", "Whose adapters, and which of them, may be loaded."),
    "target": Lazy(f"{_CLI}.target", "target", "The systems that things are done to."),
    "talent": Lazy(f"{_CLI}.talent", "talent", "Who may do what: people, agents, services and their grants."),
    "key": Lazy(f"{_CLI}.key", "key", "API keys: who may call over HTTP, for what, until when."),
    "identity": Lazy(f"{_CLI}.identity", "identity", "Whom the subjects of OpenID providers are here."),
    "passkey": Lazy(f"{_CLI}.passkey", "passkey", "Passkeys, by which people answer in the console."),
    "role": Lazy(f"{_CLI}.role", "role", "Roles: what they include, and who has them."),
    "policy": Lazy(f"{_CLI}.policy", "policy", "The policies by which plans are decided."),
    "secret": Lazy(f"{_CLI}.secret", "secret", "Secrets in the vault, by name."),
    "budget": Lazy(f"{_CLI}.budget", "budget", "What talents, capabilities and tenants may spend in a day or a month."),
    "cost": Lazy(f"{_CLI}.cost", "cost", "What the actions cost, summed."),
    "capability": Lazy(f"{_CLI}.capability", "capability", "List, plan, apply, undo and replay what can be done."),
    "action": Lazy(f"{_CLI}.action", "action", "What was asked for, where it stands, and stopping it."),
    "stop": Lazy(f"{_CLI}.stop", "stop", "Halt new writes at once."),
    "resume": Lazy(f"{_CLI}.stop", "resume", "Let halted writes go on."),
    "approvals": Lazy(f"{_CLI}.approvals", "approvals", "Plans that wait for people: read, approve, deny."),
    "message": Lazy(f"{_CLI}.message", "message", "Messages between talents: sign, send and verify envelopes."),
    "falsify": Lazy(f"{_CLI}.falsify", "falsify", "Try to refute the plans that wait."),
    "run": Lazy(f"{_CLI}.run", "run", "Do a list of intents in order; undo it when one fails."),
    "watch": Lazy(f"{_CLI}.watch", "watch", "Keep comparing wanted and actual; report drift, or apply."),
    "mcp": Lazy(f"{_CLI}.mcp", "mcp", "Serve a talent's capabilities to an agent (Model Context Protocol)."),
    "up": Lazy(f"{_CLI}.up", "up", "Serve the API and the console; stay until told to stop."),
    "console": Lazy(f"{_CLI}.console", "console", "A fresh one-time link to the console."),
    "witness": Lazy(f"{_CLI}.witness", "witness", "The log: find, show, prove, verify, export, anchor, erase."),
    "demo": Lazy(f"{_CLI}.demo", "demo", "The whole story in a throwaway home, against a simulator."),
    "doctor": Lazy(f"{_CLI}.doctor", "doctor", "Look whether everything is in order."),
}


@click.group("ifctl", cls=Root, members=MEMBERS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(infrafabric.__version__, prog_name="ifctl")
def ifctl() -> None:
    """Act on the real world through signed adapters, and prove every act.

    A first look: `ifctl demo`. A home of your own: `ifctl init --development`.
    """


def main() -> None:
    """The entry point. Text that the terminal cannot encode is shown escaped rather than failing the command."""
    ensure_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    ifctl.main(prog_name="ifctl")


if __name__ == "__main__":
    main()
