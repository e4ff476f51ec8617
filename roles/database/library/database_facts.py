"""Ask a running MariaDB or MySQL, as an app, for its version and what it allows; and the kernel where it listens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule

ASK_S = 10


class DatabaseError(Exception):
    """The database does not answer as it should; its own words."""


def ask(client: str, port: int, user: str, password: str, sql: str) -> list[str]:
    """Return the lines of the answer to some SQL on the loopback interface. Raises DatabaseError."""
    options = ["--no-defaults", "--host=127.0.0.1", "--protocol=tcp", f"--port={port}", f"--user={user}", "-B", "-N"]
    # The password by the environment: a command line is everybody's to read.
    environment = {**os.environ, "MYSQL_PWD": password}
    try:
        done = subprocess.run(
            [client, *options, f"--execute={sql}"],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ASK_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DatabaseError(str(error)) from None
    if done.returncode:
        raise DatabaseError((done.stderr.strip().splitlines() or ["it gives no reason"])[-1])
    return done.stdout.splitlines()


def granted(lines: list[str]) -> list[str]:
    """Return what SHOW GRANTS allows, such as "SELECT ON bench.student", without whom and how that is known."""
    found = (re.match(r"GRANT (.+) ON (\S+) TO ", line) for line in lines)
    return sorted(f"{match[1]} ON {match[2].replace('`', '')}" for match in found if match)


def listening(port: int) -> list[str]:
    """Return the addresses on which something listens on the port."""
    ss = shutil.which("ss", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "ss"
    said = subprocess.run([ss, "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[3].rpartition(":")[0].strip("[]") for line in said.splitlines())


def main() -> None:
    """Return version, listening addresses and grants."""
    module = AnsibleModule(
        {
            "host": {"type": "str", "required": True},
            "client": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True, "required": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        version, *grants = ask(
            wanted["client"], wanted["port"], wanted["user"], wanted["password"], "SELECT VERSION(); SHOW GRANTS"
        )
    except DatabaseError as error:
        where = f"port {wanted['port']} on {wanted['host']}"
        remedy = "restart bench-database.service there"
        module.fail_json(msg=f"the database does not answer rightly: {error} ({where}): {remedy}")
    module.exit_json(changed=False, version=version, grants=granted(grants), listening=listening(wanted["port"]))


if __name__ == "__main__":
    main()
