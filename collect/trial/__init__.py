"""One trial, seen from the control node: the server's side, the clients' sides, and what they tell each other."""
