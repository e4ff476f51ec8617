"""What held a trial back, told from what was recorded of it. Pure: the same files give the same words."""

from collect.verdicts.ceilings import Ceilings
from collect.verdicts.findings import CONFIDENCES, SERVER_SIDE, WORDS, Evidence, Finding
from collect.verdicts.judge import judge
from collect.verdicts.row import judge_row

__all__ = ["CONFIDENCES", "SERVER_SIDE", "WORDS", "Ceilings", "Evidence", "Finding", "judge", "judge_row"]
