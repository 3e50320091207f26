"""The kernel: the words, the ports, the errors, the road, and the sandbox. It imports no other folder."""
