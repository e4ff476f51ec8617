"""Measure how many GETs Redis answers in a second when only redis-benchmark (Debian: redis-tools) asks for them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

TOOL = "redis-benchmark"
FEW = 5000
"""Requests from which the number for the wanted time is reckoned."""
TIMEOUT_S = 15


def main() -> None:
    """Measure; what cannot be measured is no failure but said."""
    module = AnsibleModule(
        {
            "port": {"type": "int", "required": True},
            "password_file": {"type": "path", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
            "clients": {"type": "int", "required": True},
            "seconds": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=False, missing="nothing is measured in check mode")
    tool = shutil.which(TOOL, path="/usr/bin:/usr/local/bin:/bin")
    if tool is None:
        module.exit_json(changed=False, missing=f"there is no {TOOL} on the server host (Debian: redis-tools)")
    file = Path(given["password_file"])
    password = file.read_text().strip() if file.exists() else ""
    asked = [tool, "-h", "127.0.0.1", "-p", str(given["port"]), "-c", str(given["clients"])]

    def rate(requests: int) -> float:
        # It takes the password on its command line only; that of Redis on the loopback, for a second or two.
        secret = ["-a", password] if password else []
        command = ["timeout", str(TIMEOUT_S), *asked, *secret, "-n", str(requests), "--csv", "GET", given["key"]]
        code, out, err = module.run_command(command)
        said = [line for line in out.splitlines() if line.startswith('"')]
        if code or len(said) < 2:
            wrong = [line for line in (out + err).splitlines() if "CONFIG" not in line and not line.startswith('"')]
            reason = wrong[-1] if wrong else f"exit code {code}"
            module.exit_json(changed=False, missing=f"{TOOL} on the server host: {reason}")
        return float(next(csv.DictReader(said))["rps"])

    per_s = rate(max(FEW, given["clients"]))
    per_s = rate(max(FEW, int(per_s * given["seconds"])))
    shown = [TOOL, *asked[1:], "GET", given["key"]]
    module.exit_json(changed=False, gets_per_s=per_s, clients=given["clients"], command=" ".join(shown))


if __name__ == "__main__":
    main()
