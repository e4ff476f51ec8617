"""A run while it is measured: what is told of each second (live.jsonl), and how a terminal shows it."""
