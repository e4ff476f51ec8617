"""The pictures of docs/, made from a sealed run, light and dark: what ``script/screenshots`` runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import click

from collect.archive.query import open_run
from collect.archive.store import Archive
from collect.cli.common import archive_option
from collect.errors import BenchError
from collect.paths import CHECKOUT, shown
from tests.support.browser import Browser, chromium
from tests.support.served import Served, drawn

WIDTH = 1200
LEAST, MOST = 420, 1200
"""How high a picture may be, in CSS pixels."""
BELOW = 18
"""Pixels that are shown below the element that a picture ends with."""
BOTTOM = "Math.max(...[...document.querySelectorAll('UNTIL')].map(each => each.getBoundingClientRect().bottom))"


@dataclass(frozen=True)
class Picture:
    """The top of one page."""

    name: str
    """File in docs/, without ``.png``; the dark one is called ``<name>-dark``."""
    address: str
    until: str
    """CSS selector of the last element that is to be seen as a whole, if the page has it."""


def pictures(archive: Archive, run_id: str) -> list[Picture]:
    """Return what is pictured of a run; BenchError where it cannot be read."""
    with open_run(archive, run_id) as database:
        rows = database.rows("SELECT ordinal, validity FROM trials WHERE block > 0 ORDER BY ordinal")
    usable = [row["ordinal"] for row in rows if row["validity"] == "valid"]
    if not usable:
        raise BenchError("no trial of the run is valid", run_id, "name another run")
    return [
        Picture("report", f"/run/{run_id}/report", "#versus"),
        Picture("archive", "/", "table"),
        Picture("trial", f"/run/{run_id}/trial/{usable[0]}", "figure:nth-of-type(2)"),
    ]


def take(browser: Browser, archive: Archive, run_id: str, folder: Path) -> list[Path]:
    """Write the pictures of a run into a folder and return them; nothing may be amiss on any page."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with Served(browser, archive.path) as server:
        for picture in pictures(archive, run_id):
            for dark in (False, True):
                browser.open(server.at(picture.address), WIDTH, dark=dark, height=MOST)
                drawn(browser)
                assert browser.errors == [], f"{picture.address}: {browser.errors}"
                path = folder / f"{picture.name}{'-dark' if dark else ''}.png"
                browser.screenshot(path, _height(browser, picture.until))
                taken.append(path)
    return taken


def _height(browser: Browser, until: str) -> int:
    bottom = browser.evaluate(BOTTOM.replace("UNTIL", until))
    return max(LEAST, min(MOST, round(bottom) + BELOW)) if isinstance(bottom, int | float) else MOST


@click.command()
@click.argument("run", default="latest")
@click.option("--folder", type=click.Path(path_type=Path), default=CHECKOUT / "docs", help="Where to; default: docs/.")
@archive_option
def main(run: str, folder: Path, archive_dir: Path) -> None:
    """Make the pictures of docs/ again from RUN (default: the latest), light and dark."""
    if chromium() is None:
        click.echo("error: there is no Chromium: run script/bootstrap --browser", err=True)
        sys.exit(2)
    try:
        archive = Archive(archive_dir)
        with Browser() as browser:
            for path in take(browser, archive, archive.resolve(run), folder):
                click.echo(shown(path))
    except BenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
