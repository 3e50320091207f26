"""What stays open: the feed to callers, as server-sent events and over WebSocket."""
