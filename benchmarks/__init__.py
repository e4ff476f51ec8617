"""What the testbed itself costs, and how often its verdicts are right."""
