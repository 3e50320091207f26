"""What `ifctl demo` plays with: a simulated vMix on loopback."""
