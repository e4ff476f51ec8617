"""A cut is exactly the rows of its range, whatever was written and however it was torn."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collect.sampler.cut import cut
from collect.sampler.writer import SampleWriter, segments

T0 = 1_700_000_000.0
ticks = st.lists(st.integers(0, 4000), min_size=1, max_size=60, unique=True).map(sorted)


@settings(deadline=None)
@given(ticks, st.integers(-100, 4100), st.integers(-100, 4100), st.sampled_from([0.1, 0.25, 1.0]), st.integers(0, 80))
def test_a_cut_is_its_range(indexes: list[int], first: int, last: int, interval: float, torn: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = SampleWriter(folder, keep_hours=24)
        written = [round(T0 + index * interval, 6) for index in indexes]
        for tick in written:
            writer.write(tick, {"tick": tick, "text": "\n,é"})
        writer.close()
        from_s, to_s = round(T0 + first * interval, 6), round(T0 + last * interval, 6)
        wanted = [tick for tick in written if from_s <= tick <= to_s]
        assert [json.loads(line)["tick"] for line in cut(folder, from_s, to_s)] == wanted

        # What a crash leaves of the last line is not a row, for a reader and for the next writer.
        path = list(segments(folder))[-1][1]
        data = path.read_bytes()
        length = len(data) - min(torn, len(data))
        path.write_bytes(data[:length])
        whole = written if torn == 0 else [t for t in written if t < int(written[-1] // 60) * 60]
        whole = whole if torn == 0 else whole + [json.loads(line)["tick"] for line in data[:length].split(b"\n")[:-1]]
        assert [json.loads(line)["tick"] for line in cut(folder, T0 - 1, T0 + 9999)] == whole
        again = SampleWriter(folder, keep_hours=24)
        again.write(written[-1] + 0.01, {"tick": written[-1] + 0.01})
        again.close()
        assert [json.loads(line)["tick"] for line in cut(folder, T0 - 1, T0 + 9999)] == [*whole, written[-1] + 0.01]
