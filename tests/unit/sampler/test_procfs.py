"""Reading the kernel's files again and again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collect.sampler.procfs import KeptFile


def test_a_file_longer_than_guessed_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("0123456789" * 100)
    file = KeptFile(str(path), size=16)
    assert file.read() == path.read_bytes() == file.read_pieces()
    path.write_text("short")
    assert file.read() == b"short" == file.read_pieces()
    file.close()


def test_a_kept_file_is_of_that_process_and_fails_once_it_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        file = KeptFile(f"/proc/{process.pid}/stat")
        assert file.read().startswith(b"%d (" % process.pid)
        process.kill()
    with pytest.raises(ProcessLookupError):
        file.read()
    file.close()
