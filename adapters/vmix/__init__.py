"""vMix: the mix, overlays, audio and outputs of a live video mixer, by its HTTP API."""
