"""Tell what a host's hardware is, who uses it, and what its ways to the others are like. Changes nothing."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.bench_hosts.machine import hardware, look
from ansible.module_utils.bench_hosts.system import usable_cpus


def main() -> None:
    """Return the facts; of the CPUs alone where nothing else is asked for."""
    module = AnsibleModule(
        {
            "cpus": {"type": "str", "required": True},
            "cpus_only": {"type": "bool", "default": False},
            "load_address": {"type": "str", "default": ""},
            "load_interface": {"type": "str", "default": ""},
            "peers": {"type": "list", "elements": "dict", "default": []},
            "disks": {"type": "list", "elements": "str", "default": []},
            "busy_s": {"type": "float", "default": 0.5},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    told = hardware(wanted["cpus"], usable=usable_cpus()) if wanted["cpus_only"] else look(wanted)
    module.exit_json(changed=False, **told)


if __name__ == "__main__":
    main()
