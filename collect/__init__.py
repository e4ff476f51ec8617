"""The measuring side of the testbed."""
