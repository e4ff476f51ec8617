"""What is removed from a host that stays: what the testbed has put there, and nothing that was there before."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.support.checkout import ORIGINAL
from tests.support.fingerprint import differences
from tests.support.looked_at import files
from tests.support.plugins import plugin

PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
GROUP = "root:x:0:\n"
STATUS = "Package: {}\nStatus: install ok installed\nVersion: 1\n\n"
PREFIX = "opt/bench"


@pytest.fixture(scope="module")
def belongings() -> ModuleType:
    return plugin("delivery/module_utils/belongings.py")


@pytest.fixture
def remember(belongings: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setitem(sys.modules, "ansible.module_utils.belongings", belongings)
    return plugin("delivery/library/remember.py")


class Fake:
    """A host below a folder, and the commands that would act on a real one."""

    def __init__(self, root: Path, belongings: ModuleType) -> None:
        self.root, self.commands = root, list[str]()
        self.host: Any = belongings.Host(root, f"/{PREFIX}")
        self.active = ""
        for name, text in {
            "etc/passwd": PASSWD, "etc/group": GROUP, "etc/systemd/system/multi-user.target.wants/cron.service": "",
            "etc/systemd/system/bench-press.service": "", "var/lib/dpkg/status": STATUS.format("bash"),
            "etc/tmpfiles.d/other.conf": "", "root/.profile": "", "opt/other/file": "", "var/log/syslog": "",
            "run/systemd/system.control/x": "",
        }.items():  # fmt: skip
            self.write(name, text)

    def write(self, name: str, text: str = "") -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def append(self, name: str, text: str) -> None:
        self.write(name, (self.root / name).read_text() + text)

    def provision(self, belongings: ModuleType) -> None:
        """Put there what site.yml does."""
        for unit in belongings.UNITS:
            self.write(f"etc/systemd/system/{unit}")
            self.write(f"etc/systemd/system/{unit}.d/kernel.conf")
        self.write("etc/systemd/system/bench-.service.d/hardening.conf")
        link = self.root / "etc/systemd/system/multi-user.target.wants/bench-redis.service"
        link.symlink_to("/etc/systemd/system/bench-redis.service")
        self.write("run/systemd/system.control/bench-load@worker-1.service.d/50-CPUQuota.conf")
        for name in (belongings.MARK, "etc/bench/redis.conf", "var/lib/bench/app/demo.txt", "var/log/bench/app.log",
                     "run/bench/app.env", f"{PREFIX}/venvs/app-0/bin/python", f"{PREFIX}/python3.8-1/x"):  # fmt: skip
            self.write(name)
        (self.root / PREFIX / "python3.8").symlink_to("python3.8-1")
        there = self.host.names("etc/passwd")
        for name in belongings.USERS:
            if name not in there:
                self.append("etc/passwd", f"{name}:x:99:99::/:/usr/sbin/nologin\n")
        for name in belongings.GROUPS:
            if name not in self.host.names("etc/group"):
                self.append("etc/group", f"{name}:x:99:\n")

    def run(self, *command: str, must: bool = True) -> str:
        self.commands.append(" ".join(command))
        if command[0] in ("userdel", "groupdel"):
            tables = ["etc/passwd", "etc/group"] if command[0] == "userdel" else ["etc/group"]
            for table in tables:
                lines = (self.root / table).read_text().splitlines(keepends=True)
                self.write(table, "".join(line for line in lines if not line.startswith(f"{command[1]}:")))
        if command[0] == "dpkg":
            kept = self.host.packages() - set(command[2:])
            self.write("var/lib/dpkg/status", "".join(STATUS.format(name) for name in sorted(kept)))
        return self.active if "list-units" in command else ""

    def files(self) -> dict[str, Any]:
        return {"files": files(str(self.root), [], [])}


@pytest.fixture
def fake(tmp_path: Path, belongings: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Fake:
    monkeypatch.setattr(belongings, "ansible_home", lambda: "root/.ansible")
    return Fake(tmp_path, belongings)


@pytest.fixture
def remove(belongings: ModuleType, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setitem(sys.modules, "ansible.module_utils.belongings", belongings)
    module = plugin("removal/library/remove.py")
    monkeypatch.setattr(module, "run", fake.run)
    return module


def removed(remove: ModuleType, fake: Fake, *, packages: bool = False, dry: bool = False) -> Any:
    removal = remove.Removal(fake.host, dry=dry)
    removal.all(packages=packages)
    return removal


def test_all_that_was_put_there_goes_and_nothing_else(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    before = fake.files()
    assert remember.begin(fake.host, write=True)
    assert not remember.begin(fake.host, write=True)
    fake.provision(belongings)
    (fake.root / "root/.ansible/tmp").mkdir(parents=True)
    done = removed(remove, fake)
    assert differences(before, fake.files()) == []
    assert {"user bench-app", "group bench", "/etc/bench", "/opt/bench"} <= set(done.removed)
    assert "/etc/systemd/system/bench-press.service" not in done.removed
    assert removed(remove, fake).removed == []


def test_units_stop_before_anything_goes(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    fake.active = "bench-redis.service loaded active running x\nbench-measured.slice loaded active active x\n"
    with pytest.raises(belongings.BelongingsError, match=r"^bench-redis.service cannot be stopped"):
        removed(remove, fake)
    assert (fake.root / "etc/systemd/system/bench-redis.service").exists()
    assert "bench-load@*.service" in fake.commands[0]


def test_it_is_told_beforehand_and_nothing_done(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    before = fake.files()
    told = removed(remove, fake, dry=True).removed
    assert differences(before, fake.files()) == []
    assert fake.commands == []
    # A user's own group goes with it.
    assert [line for line in told if not line.startswith("group bench-")] == removed(remove, fake).removed


def test_what_was_there_before_stays(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    fake.append("etc/passwd", "bench-app:x:7:7::/:/bin/sh\n")
    fake.append("etc/group", "bench:x:7:\nbench-app:x:8:\n")
    (fake.root / "etc/bench").mkdir()
    (fake.root / "root/.ansible/tmp").mkdir(parents=True)
    before = fake.files()
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    done = removed(remove, fake)
    assert differences(before, fake.files()) == []
    assert not {"user bench-app", "group bench"} & set(done.removed)


@pytest.mark.parametrize("name", ["etc/bench/theirs.conf", f"{PREFIX}/theirs", "var/lib/bench/theirs"])
def test_a_folder_of_somebody_else_is_refused(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake, name: str
) -> None:
    fake.write(name)
    before = fake.files()
    with pytest.raises(belongings.BelongingsError, match="is there and is not the testbed's"):
        remember.begin(fake.host, write=True)
    assert removed(remove, fake).removed == []
    assert differences(before, fake.files()) == []


def test_an_older_testbed_has_no_record_and_goes_all_the_same(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    before = fake.files()
    fake.provision(belongings)
    removed(remove, fake)
    assert differences(before, fake.files()) == []
    fake.provision(belongings)
    assert remember.begin(fake.host, write=True)
    removed(remove, fake)
    assert differences(before, fake.files()) == []


def test_in_check_mode_nothing_is_written(remember: ModuleType, fake: Fake) -> None:
    before = fake.files()
    assert remember.begin(fake.host, write=False)
    assert differences(before, fake.files()) == []


def test_what_is_still_tuned_is_put_back_first(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    fake.write("var/lib/bench/tuning.json", "{}")
    with pytest.raises(belongings.BelongingsError, match=r"what was tuned is not put back: run playbooks/restore\.yml"):
        removed(remove, fake)
    assert (fake.root / PREFIX / "before.json").exists()


def install(belongings: ModuleType, remember: ModuleType, fake: Fake, *, cut_off: bool = False) -> None:
    """Do as the role tools does for nginx, which brings a library."""
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    remember.before(fake.host, ["nginx.service", "iperf3.service"])
    (fake.root / "etc/systemd/system/nginx.service").symlink_to("/dev/null")
    fake.append("var/lib/dpkg/status", STATUS.format("nginx") + STATUS.format("libpcre"))
    if not cut_off:
        assert remember.after(fake.host) == ["libpcre", "nginx"]


def test_packages_stay_with_their_masks_and_are_named(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    install(belongings, remember, fake)
    assert removed(remove, fake).kept == [
        "the packages libpcre nginx (-e bench_remove_packages=true removes them)",
        "the mask of nginx.service",
    ]
    assert (fake.root / "etc/systemd/system/nginx.service").is_symlink()
    assert fake.host.packages() == {"bash", "libpcre", "nginx"}


def test_packages_go_where_that_is_wanted(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    before = fake.files()
    install(belongings, remember, fake)
    assert removed(remove, fake, packages=True).kept == []
    assert "dpkg --purge libpcre nginx" in fake.commands
    assert differences(before, fake.files()) == []


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_packages_that_may_be_somebody_elses_stay(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake, wanted: bool, again: bool
) -> None:
    install(belongings, remember, fake, cut_off=True)
    fake.append("var/lib/dpkg/status", STATUS.format("theirs"))
    if again:
        remember.before(fake.host, [])
        assert remember.after(fake.host) == []
    assert removed(remove, fake, packages=wanted).kept == [
        "the packages libpcre nginx theirs, which may have come with the testbed: a run was cut off",
        "the mask of nginx.service",
    ]
    assert not any(command.startswith("dpkg") for command in fake.commands)


def test_what_was_masked_and_installed_before_is_not_the_testbeds(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    (fake.root / "etc/systemd/system/nginx.service").symlink_to("/dev/null")
    before = fake.files()
    remember.begin(fake.host, write=True)
    remember.before(fake.host, ["nginx.service"])
    assert remember.after(fake.host) == []
    assert remember.after(fake.host) == [], "nobody has begun"
    fake.provision(belongings)
    removed(remove, fake, packages=True)
    assert differences(before, fake.files()) == []


def test_a_removal_that_was_cut_off_goes_on(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.append("etc/passwd", "bench-app:x:7:7::/:/bin/sh\n")
    fake.append("etc/group", "bench-app:x:7:\n")
    before = fake.files()
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    steps = ["units", "users", "ansible", "packages", "own_folder"]
    for step in steps:
        with monkeypatch.context() as cut:
            cut.setattr(remove.Removal, step, lambda *_, **__: (_ for _ in ()).throw(OSError("cut off")))
            with pytest.raises(OSError, match="cut off"):
                removed(remove, fake)
    removed(remove, fake)
    assert differences(before, fake.files()) == []


def test_every_unit_and_user_of_the_roles_is_known(belongings: ModuleType) -> None:
    units = {path.name.removesuffix(".j2") for path in (ORIGINAL / "roles").glob("*/templates/bench-*.service.j2")}
    assert units == {name for name in belongings.UNITS if name.endswith(".service")}
    accounts = (ORIGINAL / "roles/baseline/templates/sysusers.conf.j2").read_text()
    assert set(re.findall(r"^u (\S+)", accounts, re.M)) == set(belongings.USERS)
    assert {*re.findall(r"^[ug] (\S+)", accounts, re.M)} == set(belongings.GROUPS)
    tasks = [yaml.safe_load(path.read_text()) for path in (ORIGINAL / "roles").glob("*/tasks/*.yml")]
    placed = list(_places(tasks))
    known = (*belongings.FOLDERS, belongings.MARK, *(f"etc/systemd/system/{name}" for name in belongings.UNITS))
    known += (f"etc/systemd/system/{belongings.DROP_INS}",)
    assert placed
    assert [name for name in placed if not name.strip("/").startswith(known)] == []
    folders = re.findall(r"^d (/\S+)", (ORIGINAL / "roles/baseline/templates/tmpfiles.conf.j2").read_text(), re.M)
    assert [name for name in folders if not name.strip("/").startswith(belongings.FOLDERS)] == []


def _places(content: Any) -> Iterator[str]:
    """Return where the tasks of a file place others."""
    if isinstance(content, dict):
        if isinstance(content.get("dest"), str) and content["dest"].startswith("/"):
            yield content["dest"]
        for value in content.values():
            yield from _places(value)
    elif isinstance(content, list):
        for value in content:
            yield from _places(value)


def test_whose_home_it_is_follows_from_sudo(belongings: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "nobody-of-that-name")
    assert belongings.ansible_home() == "root/.ansible"
    monkeypatch.delenv("SUDO_USER")
    assert belongings.ansible_home().endswith("/.ansible") or os.geteuid() != 0


def test_folders_that_were_made_for_its_own_go_with_it(
    belongings: ModuleType, remember: ModuleType, remove: ModuleType, fake: Fake
) -> None:
    before = fake.files()
    fake.host.prefix = "srv/tests/bench"
    remember.begin(fake.host, write=True)
    fake.provision(belongings)
    fake.write("srv/tests/bench/python3.8/x")
    removed(remove, fake)
    left = [line for line in differences(before, fake.files()) if "/opt/bench" not in line]
    assert left == []


def test_a_record_is_whole_or_not_there(belongings: ModuleType, remember: ModuleType, fake: Fake) -> None:
    remember.begin(fake.host, write=True)
    record = json.loads((fake.root / PREFIX / "before.json").read_text())
    assert record["ansible"] == {"folder": "root/.ansible", "there": False}
    (fake.root / PREFIX / "before.json").write_text("{")
    with pytest.raises(belongings.BelongingsError, match=r"before\.json cannot be read"):
        fake.host.record()
