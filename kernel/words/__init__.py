"""The words of the system, as frozen models: one word a thing, in code, CLI, API, docs and log alike."""
