"""Ask a running Redis for its version and keys, and the kernel where it listens."""

from __future__ import annotations

import socket
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

LISTEN = "0A"


class Client:
    """Just enough of Redis' protocol to ask a few questions."""

    def __init__(self, port: int, password: str) -> None:
        """Connect on the loopback interface; raises OSError."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._replies = self._socket.makefile("rb")
        if password:
            self.ask("AUTH", password)

    def ask(self, *words: str) -> str | None:
        """Return the reply to one command; raises OSError with Redis' own words for an error."""
        parts = [word.encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        line = self._replies.readline().decode().strip()
        if line.startswith("-"):
            raise OSError(line[1:])
        if not line.startswith("$"):
            return line[1:]
        length = int(line[1:])
        return None if length < 0 else self._replies.read(length + 2)[:-2].decode()


def listening(port: int, tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> list[str]:
    """Return the addresses on which something listens on the port."""
    found = []
    for table in tables:
        lines = Path(table).read_text().splitlines()[1:] if Path(table).exists() else []
        for fields in (line.split() for line in lines):
            address, _, hex_port = fields[1].partition(":")
            if fields[3] == LISTEN and int(hex_port, 16) == port:
                found.append(readable(address))
    return sorted(found)


def readable(address: str) -> str:
    """Return an address as people write it, from the kernel's hexadecimal words in host order."""
    words = b"".join(bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8))
    return socket.inet_ntop(socket.AF_INET if len(words) == 4 else socket.AF_INET6, words)


def main() -> None:
    """Return version, values and listening addresses."""
    module = AnsibleModule(
        {
            "host": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "password": {"type": "str", "no_log": True, "default": ""},
            "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    port = module.params["port"]
    try:
        client = Client(port, module.params["password"])
        info = dict(line.split(":", 1) for line in (client.ask("INFO", "server") or "").splitlines() if ":" in line)
        values = {key: client.ask("GET", key) for key in module.params["keys"]}
    except OSError as error:
        where = f"port {port} on {module.params['host']}"
        module.fail_json(msg=f"Redis does not answer rightly: {error} ({where}): restart bench-redis.service there")
    module.exit_json(changed=False, version=info["redis_version"], values=values, listening=listening(port))


if __name__ == "__main__":
    main()
