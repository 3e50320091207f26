"""IF.connect v2.1 envelopes: reading and signing them, and the rules by which one is admitted. No I/O."""
