"""Manifests, signatures, the trust set and the bundle store: what may be loaded, and why not."""
