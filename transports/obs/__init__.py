"""Effects as requests of obs-websocket 5, over one lasting connection a target."""
