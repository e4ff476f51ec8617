"""A run of the archive measured again: its plan, versions and variables, on hosts like those of then."""
