"""Effects over HTTP/1.1."""
