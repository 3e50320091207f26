"""OBS Studio, over obs-websocket 5."""
