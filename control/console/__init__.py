"""The console: pages that the kernel serves, and passkeys, by which people answer in a browser."""
