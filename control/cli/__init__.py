"""The commands of `ifctl`, a group a file. Modules here import nothing heavy at import time, so that help is quick."""
