"""Runs and their rows on the way out of an archive, and runs on the way in."""
