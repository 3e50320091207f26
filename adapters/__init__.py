"""One folder a product; adapter code imports `infrafabric.adapters.sdk` and the standard library only."""
