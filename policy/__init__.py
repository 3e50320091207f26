"""Guard and governor: who may do what, and how often."""
