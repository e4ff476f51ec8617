"""What axe-core says of a page: faults that keep people out who use a keyboard, a screen reader or large contrast."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.browser import Browser
from tests.support.checkout import ORIGINAL

LOCK = ORIGINAL / "script" / "axe" / "package-lock.json"
GRAVE = ("serious", "critical")
COLORS = ("color-contrast",)
"""The rules whose answer is another on light and on dark."""
RUN = """axe.run(document, OPTIONS).then(said => said.violations
    .filter(each => GRAVE.includes(each.impact))
    .map(each => {
        const places = each.nodes.slice(0, 4).map(node => {
            const why = node.any[0] ?? node.all[0] ?? node.none[0]
            return `${node.target.flat().join(" ")} (${why?.message})`
        })
        return `${each.impact}, ${each.id}: ${each.help}; in ${each.nodes.length} places: ${places.join("; ")}`
    }))"""


def axe() -> Path | None:
    """Return the program that script/bootstrap --browser fetches by its lock; None where it is not there."""
    version = json.loads(LOCK.read_text())["packages"]["node_modules/axe-core"]["version"]
    path = ORIGINAL / ".state" / f"axe-{version}" / "node_modules" / "axe-core" / "axe.min.js"
    return path if path.is_file() else None


def faults(browser: Browser, rules: tuple[str, ...] = ()) -> list[str]:
    """Return what is serious or critical about the page as it is shown, a line a rule with the first places.

    All rules are asked, or some by their names.
    """
    path = axe()
    assert path, "axe-core is not here: run script/bootstrap --browser"
    if not browser.evaluate("typeof axe === 'object'"):
        browser.ask(path.read_text(encoding="utf-8") + "\n;0")
    options: dict[str, object] = {"resultTypes": ["violations"], "iframes": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found: list[str] = browser.ask(RUN.replace("OPTIONS", json.dumps(options)).replace("GRAVE", json.dumps(GRAVE)))
    return found
