"""What a host's hardware is and does, read on the host itself. Python 3.8, its own library only."""
