"""What loads the server: Locust 2.15.1 with every request kept raw, in phases that the whole testbed can line up.

Runs on the client hosts under Python 3.8 as ``python collect/load`` (see ``__main__``); ``watch`` stands alone.
"""
