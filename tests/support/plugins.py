"""Load a role's plugin as Ansible does: from its file."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from tests.support.checkout import ORIGINAL


def plugin(path: str) -> ModuleType:
    """Return the module of a plugin, given by its path in roles/."""
    name = "plugin_" + path.replace("/", "_").removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, ORIGINAL / "roles" / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look themselves up
    spec.loader.exec_module(module)
    return module
