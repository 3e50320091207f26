"""What operators measure a kernel by: metrics, service levels, traces. It reads; nothing is decided by it."""
