"""Drivers: trusted host code that performs effects in the world."""
