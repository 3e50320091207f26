"""The HTTP API: the road, the log and the operator's records for callers outside of the process, under `/v1`."""
