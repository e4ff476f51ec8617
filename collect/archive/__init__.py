"""The archive: one immutable folder per run, written so that a crash costs at most the trial under way.

Nothing is imported here: a list of runs needs little of what begins, measures and seals one.
"""
