"""Requests, replies and news as lines over TCP or TLS."""
