"""Changes a host's settings and puts them back: what was there is on the disk before anything is changed.

That record is there until all of it is back, so whatever comes in between (a signal, kill -9, a crash, a reboot), the
next one who looks puts back the first values: the program that changed them, the unit's ExecStopPost, the next one that
tunes, or the unit that does so when the host has booted.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace

from .config import Config
from .files import BOOT_ID, Files, TuningError, same
from .planning import IRQ, Change, changes, owner

KEPT = "var/lib/bench/tuning.json"
VERSION = 1


@dataclass(frozen=True)
class Record:
    """What was there before, in the order in which it was changed, and the boot in which that was."""

    boot: str
    changes: tuple[Change, ...]


class Kept:
    """The record of one host."""

    def __init__(self, files: Files, name: str = KEPT) -> None:
        """Take the host's files and the record's name."""
        self._files, self._name = files, name

    @property
    def there(self) -> bool:
        """Say whether something is to be put back."""
        return self._files.exists(self._name)

    def load(self) -> Record | None:
        """Return the record, None without one. Raises TuningError."""
        if not self.there:
            return None
        try:
            data = json.loads(self._files.read(self._name))
            return Record(data["boot"], tuple(Change(**change) for change in data["changes"]))
        except (ValueError, KeyError, TypeError):
            raise TuningError(
                f"/{self._name} cannot be read as what was before the tuning",
                "reboot the host, which ends all tuning, then remove that file",
            ) from None

    def apply(self, config: Config) -> tuple[Record, dict[str, str]]:
        """Put back what is left of before, then change what is listed; return the record and what the kernel refused.

        Raises TuningError when that cannot be done; then all is as it was, or the record still says what is not.
        """
        self.restore()
        planned = changes(self._files, config)  # perhaps none: a record all the same, as long as this holds
        found = tuple(replace(change, before=self._files.read(change.name)) for change in planned)
        record = Record(self._boot(), found)
        self._save(record)
        try:
            left = self._set(record)
        except TuningError:
            with contextlib.suppress(TuningError):  # then the record stays
                self.restore()
            raise
        if left:
            # The kernel may move them all the same, when their CPUs go offline.
            found = tuple(replace(change, value=None) if change.name in left else change for change in found)
            record = Record(record.boot, found)
            self._save(record)
        return record, left

    def drifted(self) -> dict[str, str]:
        """Return what is not as it was set any more, with the value that it has."""
        found: dict[str, str] = {}
        record = self.load()
        for change in record.changes if record else ():
            if change.value is None:
                continue
            try:
                now = self._files.read(change.name)
            except TuningError:
                now = "(gone)"
            if not same(change.name, now, change.value):
                found[change.name] = now
        return found

    def restore(self) -> dict[str, str]:
        """Put back what the record holds; return the values after it, by name, nothing without a record.

        Raises TuningError, of the first that could not be put back; the others are, and the record stays.
        """
        record = self.load()
        if record is None:
            return {}
        same_boot = record.boot == self._boot()
        errors: list[TuningError] = []
        after: dict[str, str] = {}
        for change in reversed(record.changes):
            try:
                if self._put_back(change, same_boot):
                    after[change.name] = self._files.read(change.name)
            except TuningError as error:
                errors.append(error)  # the others all the same
        if errors:
            raise errors[0]
        self._files.forget(self._name)
        return after

    def _put_back(self, change: Change, same_boot: bool) -> bool:
        """Put back one setting; say whether it was the record's to put back.

        With the boot in which it was set a setting is gone, so then only what still is as it was set goes back, as in
        a container, whose own boot leaves its kernel alone.
        """
        try:
            now = self._files.read(change.name)
        except TuningError:
            if change.optional or not same_boot:
                return False
            raise
        if change.of != owner(self._files, change.name):
            return False
        if not same_boot and (change.value is None or not same(change.name, now, change.value)):
            return False
        try:
            self._files.write(change.name, change.before)
        except TuningError:
            if change.value is None:  # it was not set, and the kernel keeps it to itself
                return False
            raise
        return True

    def _set(self, record: Record) -> dict[str, str]:
        left: dict[str, str] = {}
        for change in record.changes:
            if change.value is None:
                continue
            try:
                self._files.write(change.name, change.value)
            except TuningError as error:
                if not change.optional:
                    raise
                left[change.name] = error.what
        movable = [change.name for change in record.changes if change.kind == IRQ and change.optional and change.value]
        if movable and len(left) == len(movable):
            raise TuningError(
                f"none of the host's {len(left)} interrupts can be moved: {left[movable[0]]}",
                "leave tuning_irqs_off away there",
            )
        return left

    def _save(self, record: Record) -> None:
        listed = [asdict(change) for change in record.changes]
        told = {"version": VERSION, "boot": record.boot, "at": time.time(), "changes": listed}
        self._files.keep(self._name, json.dumps(told) + "\n")

    def _boot(self) -> str:
        try:
            return self._files.read(BOOT_ID)
        except TuningError:
            return ""
