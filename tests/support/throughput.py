"""A stream and a ping-pong over TCP between two hosts; runs there as a script, with their own Python.

``throughput.py serve`` answers until it is ended; ``throughput.py ADDRESS SECONDS`` prints Mbit/s and the median round
trip of a small message in ms.
"""

from __future__ import annotations

import socket
import statistics
import sys
import time

PORT = 9999


def serve() -> None:
    with socket.create_server(("0.0.0.0", PORT)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                echo = connection.recv(1) == b"e"
                while data := connection.recv(1 << 18):
                    if echo:
                        connection.sendall(data)


def measure(address: str, seconds: float) -> tuple[float, float]:
    with socket.create_connection((address, PORT)) as stream:
        stream.sendall(b"s")
        sent, began, block = 0, time.perf_counter(), bytes(1 << 17)
        while time.perf_counter() - began < seconds:
            sent += stream.send(block)
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)
        rate = sent * 8 / 1e6 / (time.perf_counter() - began)
    with socket.create_connection((address, PORT)) as pings:
        pings.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pings.sendall(b"e")
        trips = []
        for _ in range(1000):
            began = time.perf_counter()
            pings.sendall(bytes(100))
            pings.recv(100)
            trips.append(time.perf_counter() - began)
    return rate, statistics.median(trips) * 1000


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        rate, trip = measure(sys.argv[1], float(sys.argv[2]))
        sys.stdout.write(f"{rate:.1f} {trip:.3f}\n")
