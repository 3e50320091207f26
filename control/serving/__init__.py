"""`ifctl up`: a kernel that stays, with everything that it serves, in one process."""
