"""What the server host serves: one small module per framework, one contract for all. Python 3.8."""
