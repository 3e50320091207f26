"""Requests, replies and events as JSON messages over the WebSocket protocol (RFC 6455)."""
