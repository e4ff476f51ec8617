"""Whatever is asked, in whatever pieces: the same bytes come back."""

from __future__ import annotations

import socket
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.relayed import received, relayed

PIECES = st.lists(st.binary(min_size=1, max_size=5000), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None)
@given(spoken=st.lists(PIECES, min_size=1, max_size=4), delay_ms=st.sampled_from([0.0, 0.2, 3.0]))
def test_bytes_pass_unchanged_and_in_order(spoken: list[list[bytes]], delay_ms: float) -> None:
    with relayed(delay_ms / 1000) as there:
        heard: list[bytes] = [b""] * len(spoken)

        def talk(index: int) -> None:
            with there.connect() as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in spoken[index]:
                    connection.sendall(piece)
                heard[index] = received(connection, sum(map(len, spoken[index])))

        threads = [threading.Thread(target=talk, args=(index,)) for index in range(len(spoken))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == [b"".join(pieces) for pieces in spoken]
