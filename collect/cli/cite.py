"""``collect cite``: how to name a run in a paper, a ticket or a mail."""

from __future__ import annotations

from pathlib import Path

import click

from collect.archive.store import Archive
from collect.cli import complete
from collect.cli.common import archive_option, json_option, print_json


@click.command()
@click.argument("run", default="latest", shell_complete=complete.runs)
@archive_option
@json_option
def cite(run: str, archive_dir: Path, as_json: bool) -> None:
    """Say how to cite RUN (default: the latest): in a line, and for BibTeX. CITATION.cff does so for the software.

    The sum in it is that of SHA256SUMS, which holds the sum of each of the run's files: whoever has them can see that
    they are the same.

    \b
    Examples:
      collect cite
      collect cite 20261126T142747Z
      collect cite latest --json
    """
    from collect.archive.citation import citation

    archive = Archive(archive_dir)
    run_id = archive.resolve(run)
    found = citation(archive, run_id)
    if as_json:
        print_json({"run_id": run_id, "text": found.text, "bibtex": found.bibtex, "sha256": found.sha256})
        return
    click.echo(found.text)
    click.echo()
    click.echo(found.bibtex)
