"""Measure what the load network carries, in bytes and in packets, by iperf3 (Debian: iperf3).

Packets are UDP of 64 bytes as many as one process sends; counted are those that one process received. So this is what
two ordinary processes can exchange, less than the link may carry.
"""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

UNIT = "bench-ceilings.service"
LIVES_S = 60
"""The server ends by itself after this, whatever becomes of the control node."""
CONNECT_TIMEOUT_MS = 3000
SMALL = ("-u", "-b", "0", "-l", "64")
TESTS = (
    ("up_mbit_per_s", ()),
    ("down_mbit_per_s", ("-R",)),
    ("up_packets_per_s", SMALL),
    ("down_packets_per_s", (*SMALL, "-R")),
)


def figure(name: str, end: dict[str, Any]) -> float:
    """Return what the receiver got in a second, from the end of iperf3's report."""
    received = end["sum_received"]
    if name.endswith("mbit_per_s"):
        return round(float(received["bits_per_second"]) / 1e6, 1)
    udp = end["sum"]
    return round(float(udp["packets"] - udp["lost_packets"]) / float(udp["seconds"]), 1)


def serve(module: AnsibleModule, tool: str) -> None:
    """Start a server that is there for a while."""
    stop(module)
    bounds = [f"--property=RuntimeMaxSec={LIVES_S}", "--property=DynamicUser=yes", "--property=KillSignal=SIGKILL"]
    where = ["-B", module.params["address"], "-p", str(module.params["port"])]
    command = ["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", *bounds, tool, "-s", *where]
    code, _, err = module.run_command(command)
    if code:
        module.exit_json(changed=False, missing=f"iperf3 does not start on the server host: {err.strip()}")
    module.exit_json(changed=False)


def stop(module: AnsibleModule) -> None:
    """End the server, if there is one."""
    module.run_command(["systemctl", "stop", UNIT])


def measure(module: AnsibleModule, tool: str) -> None:
    """Ask the server; the figures by name, and the commands that gave them."""
    seconds = module.params["seconds"]
    figures: dict[str, float] = {}
    commands = []
    for name, options in TESTS:
        asked = ["-c", module.params["address"], "-p", str(module.params["port"]), "-t", str(seconds), *options]
        command = [tool, *asked, "-J", "--connect-timeout", str(CONNECT_TIMEOUT_MS)]
        report: dict[str, Any] = {}
        for _ in range(2):  # the server may not listen yet, or still be busy with the test before
            code, out, err = module.run_command(["timeout", str(seconds + 8), *command])
            try:
                report = json.loads(out)
            except ValueError:
                report = {"error": err.strip() or f"exit code {code}"}
            if "error" not in report:
                break
            time.sleep(0.3)
        try:
            figures[name] = figure(name, report["end"])
        except (KeyError, ZeroDivisionError):
            module.exit_json(changed=False, missing=f"iperf3 on the client: {report.get('error', 'its report is odd')}")
        commands.append(" ".join(["iperf3", *asked]))
    module.exit_json(changed=False, **figures, command=commands)


def main() -> None:
    """Play one side; what cannot be measured is no failure but said."""
    module = AnsibleModule(
        {
            "side": {"type": "str", "choices": ["server", "client", "none"], "required": True},
            "address": {"type": "str"},
            "port": {"type": "int"},
            "seconds": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    side = module.params["side"]
    if module.check_mode:
        module.exit_json(changed=False, missing="nothing is measured in check mode")
    if side == "none":
        stop(module)
        module.exit_json(changed=False)
    tool = shutil.which("iperf3", path="/usr/bin:/usr/local/bin:/bin")
    if tool is None:
        module.exit_json(changed=False, missing=f"there is no iperf3 on the {side} host (Debian: iperf3)")
        return
    (serve if side == "server" else measure)(module, tool)


if __name__ == "__main__":
    main()
