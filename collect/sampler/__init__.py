"""What runs on the hosts: one process that samples CPU, memory, sockets, Redis and the database at a fixed pace.

Python 3.8 and psutil only, and imports within the package are relative: on a host it is the package ``sampler``, on the
control node ``collect.sampler``.
"""
