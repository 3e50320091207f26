"""Signing keys, their enrolment, the vault, and redaction of what comes out of it."""
