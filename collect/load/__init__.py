"""What loads the server: Locust 2.15.1 with every request kept raw, in phases that the whole testbed can line up.

Runs on the client hosts under Python 3.8. The command of ``bench-load@.service`` is the load environment's Python with
this folder, ``/opt/bench/venvs/load/bin/python /opt/bench/load``; bytecode of both must be compiled beforehand, for the
unit's user cannot write there and Locust takes 1.1 s to import without (0.25 s with). ``watch.py`` stands alone and
goes to every host, beside the collector.
"""
