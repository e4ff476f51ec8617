"""What the control node prepares for the hosts: the interpreter, the wheels, archives of both."""
