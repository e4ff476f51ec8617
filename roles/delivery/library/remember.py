"""Write down what a host has before the testbed puts anything there, and which packages came with it.

Once and for all: a record that is there is not changed but for packages. Those that are installed between ``packages:
before`` and ``packages: after`` are the testbed's; where a run is cut off between the two nobody knows, so they may be.
"""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.belongings import RECORD, BelongingsError, Host

BEFORE, AFTER = "before", "after"


def begin(host: Host, *, write: bool) -> bool:
    """Write the record where there is none; say whether there was none. Raises BelongingsError."""
    if host.path(f"{host.prefix}/{RECORD}").exists():
        return False
    first = host.first()
    foreign = [] if host.was_provisioned() else host.is_foreign()
    if foreign:
        remedy = "move it away, or choose another place for the testbed's own folder by bench_prefix"
        raise BelongingsError(f"{foreign[0]} is there and is not the testbed's", remedy)
    if write:
        host.write(first)
    return True


def before(host: Host, units: list[str]) -> None:
    """Note which packages there are, and which units are going to be masked."""
    record, now = host.record(), host.packages()
    if record["pending"] is not None:  # whose they are that have come since, nobody knows
        record["maybe"] = sorted({*record["maybe"], *(now - set(record["pending"]))})
    record["pending"] = sorted(now)
    record["masked"] = sorted({*record["masked"], *(unit for unit in units if not host.is_masked(unit))})
    host.write(record)


def after(host: Host) -> list[str]:
    """Note which packages have come; return them."""
    record = host.record()
    if record["pending"] is None:
        return []
    came = host.packages() - set(record["pending"])
    host.write({**record, "packages": sorted({*record["packages"], *came}), "pending": None})
    return sorted(came)


def main() -> None:
    """Do what is asked for."""
    module = AnsibleModule(
        {
            "prefix": {"type": "path", "required": True},
            "host": {"type": "str", "required": True},
            "packages": {"type": "str", "choices": [BEFORE, AFTER]},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    host = Host(Path("/"), wanted["prefix"])
    came: list[str] = []
    try:
        changed = begin(host, write=not module.check_mode)
        if wanted["packages"] == BEFORE and not module.check_mode:
            before(host, wanted["units"])
        if wanted["packages"] == AFTER and not module.check_mode:
            came = after(host)
    except BelongingsError as error:
        module.fail_json(msg=f"{error.what} ({wanted['host']}): {error.remedy}")
    except OSError as error:
        module.fail_json(msg=f"{error} ({wanted['host']}): see that root may write there and that the disk has room")
    module.exit_json(changed=changed or bool(came), packages=came)


if __name__ == "__main__":
    main()
