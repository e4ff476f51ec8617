"""Whatever comes in which order: each line of live.jsonl is read once, and a terminal keeps what was said."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.live.lines import encode
from collect.live.read import LIVE, follow
from collect.live.screen import CLEAR, FULL_ROWS, block, drawn
from tests.support.terminal import Terminal

texts = st.text(max_size=30)
lines = st.fixed_dictionaries(
    {"trial_id": texts},
    optional={"at": st.floats(0, 2e9), "rps": st.none() | st.floats(0, 1e6), "phase": texts, "kind": texts},
)


@settings(deadline=None)
@given(st.lists(lines, max_size=8), st.lists(st.integers(0, 2000), max_size=12))
def test_each_line_is_read_once_however_the_file_grows(told: list[dict[str, Any]], cuts: list[int]) -> None:
    whole = b"".join(map(encode, told))
    seen: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path, byte = Path(folder, LIVE), 0
        for cut in [*sorted(cuts), len(whole)]:
            path.write_bytes(whole[:cut])
            new, byte = follow(path, byte)
            seen += new
    assert seen == told
    assert byte == len(whole)


figures = st.none() | st.floats(-1e3, 1e6) | st.integers(-3, 10**6) | texts
seconds = st.lists(
    st.fixed_dictionaries(
        {"trial_id": texts},
        optional=dict.fromkeys(
            [
                "ordinal",
                "of",
                "phase",
                "cell",
                "trial_kind",
                "window_s",
                "window_second",
                "rps",
                "p95_ms",
                "failures",
                "left_s",
                "server_cpu_cores",
                "client_cpu_cores",
                "server_cpus",
                "client_cpus",
            ],
            figures,
        ),
    ),
    min_size=1,
    max_size=5,
)
said = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@settings(deadline=None)
@given(st.integers(1, 140), st.integers(1, 40), st.booleans(), st.data())
def test_a_terminal_of_any_size_keeps_what_was_said_and_nothing_else(
    columns: int, rows: int, colour: bool, data: st.DataObject
) -> None:
    """Lines that are said, blocks that are drawn over each other, and what others print unasked, in any order."""
    terminal, expected = Terminal(columns, rows), Terminal(columns, 10_000)
    for _ in range(data.draw(st.integers(1, 8))):
        what = data.draw(st.sampled_from(["say", "draw", "unasked"]))
        if what == "draw":
            terminal.feed(drawn(block(data.draw(seconds), columns, rows, colour=colour)))
            continue
        text = data.draw(said)
        if what == "say":
            terminal.feed(CLEAR + text + "\n")
        else:
            # Whoever draws or says something next clears what is below; a single row leaves no room for an empty one.
            text = text[:columns]
            terminal.feed((CLEAR if rows < FULL_ROWS else "") + text + "\n" + CLEAR)
        expected.feed(text + "\n")
    terminal.feed(CLEAR)
    assert terminal.lines() == expected.lines()
