"""The log: a Merkle tree of everything that happened, provable to someone else."""
