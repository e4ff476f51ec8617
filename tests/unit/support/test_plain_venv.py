from __future__ import annotations

import pytest

from tests.support.plain_venv import requirements

EXPORTED = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
numpydoc==1.0 \\
    --hash=sha256:dd
pandas==3.1.1 \\
    --hash=sha256:ee
"""


def test_only_what_is_named_is_taken_with_all_its_hashes_and_markers() -> None:
    numpy, _, rest = EXPORTED.partition("numpydoc")
    assert requirements(EXPORTED, ["pandas", "numpy"]) == rest[rest.index("pandas") :] + numpy


def test_what_the_lock_lacks_is_named() -> None:
    with pytest.raises(AssertionError, match=r"uv\.lock has no polars"):
        requirements(EXPORTED, ["pandas", "polars"])
