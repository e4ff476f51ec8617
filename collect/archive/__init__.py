"""The archive: one immutable folder per run, written so that a crash costs at most the trial under way."""

from collect.archive.partial import PartialRun, begin_run, find_partial, open_partial, partial_ids, resume_run
from collect.archive.space import check_archive_dir

__all__ = ["PartialRun", "begin_run", "check_archive_dir", "find_partial", "open_partial", "partial_ids", "resume_run"]
