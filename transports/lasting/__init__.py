"""Connections that stay: opened once a target, supervised, and shared by all who speak to it.

A driver on top of this gives three things (see `driver.LastingDriver`): what its templates are, how a connection is
opened and spoken on (a pure `session.Session`, or any `wire.Wire`), and what a call asks. What it gets: one connection
a target and spec, opened single-flight under a deadline, opened again after a loss, health, signals, and the errors
that say whether anything was sent.
"""
