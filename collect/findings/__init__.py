"""A run in plain sentences: each made from the data, with figure, interval and number, and links to its trials."""
