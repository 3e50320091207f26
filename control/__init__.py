"""The doors: ifctl and its demo. The only place that puts the parts together."""
