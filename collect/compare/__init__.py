"""Runs against each other: two of them cell by cell, or one cell over all."""
