"""The door for ifctl on the same machine: a socket in the home, through which a running kernel does what is asked."""
