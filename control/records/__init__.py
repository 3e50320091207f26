"""What operators change, whichever door they come by: records made from what was given, checked and recorded."""
