"""Backends for secrets that are kept outside of the home, each behind a scheme of its own."""
