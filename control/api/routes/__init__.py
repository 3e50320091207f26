"""What is served, one subject a module. Each has a `router`, and `control.api.app` includes them all."""
