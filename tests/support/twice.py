"""An inventory in which a host that was made here is server and client, by two names and its two addresses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.checkout import Checkout


@contextmanager
def twice(checkout: Checkout) -> Iterator[str]:
    """Give the path of such an inventory of a checkout whose hosts are up; it is there until the block ends."""
    folder = checkout.path / "inventory" / "twice"
    folder.mkdir()
    (folder / "group_vars").symlink_to("../group_vars")
    address = checkout.addresses()["server1"]
    other = dict.fromkeys(("ansible_host", "bench_load_address"), address["ansible_host"])
    hosts = {"server": {"server1": address}, "clients": {"client1": other}}
    login = {
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(checkout.state / "ssh" / "id_ed25519"),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={checkout.state}/ssh/known_hosts",
    }
    groups = {group: {"hosts": names} for group, names in hosts.items()}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"children": groups, "vars": login}}))
    try:
        yield "inventory/twice"
    finally:
        shutil.rmtree(folder)
