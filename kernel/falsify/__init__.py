"""Falsify: try to refute a plan before it is applied. One attempt a function; none writes to the target."""
