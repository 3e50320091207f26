"""Home Assistant: what a house's lights, switches, covers, locks, heating, players and fans should be like."""
