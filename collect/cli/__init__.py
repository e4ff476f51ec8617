"""The ``collect`` command: plans, runs under way, and the archive.

Exit codes: 0 done; 1 the answer is no (a failed verify); 2 bad usage or input, told in one line on stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from collect.cli import complete
from collect.errors import BenchError

# Each command's module is imported when it is called, so that a small question does not load the database.
COMMANDS = {
    "list": "archive:list_runs",
    "show": "archive:show",
    "verify": "verify:verify",
    "query": "query:query",
    "compare": "compare:compare",
    "trend": "trend:trend",
    "report": "report:report",
    "serve": "serve:serve",
    "export": "transfer:export",
    "import": "transfer:import_runs",
    "bundle": "transfer:bundle",
    "tag": "labels:tag",
    "note": "labels:note",
    "cite": "cite:cite",
    "gc": "gc:gc",
    "plan": "plans:plan",
    "run": "runs:run",
    "completion": "completion:completion",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's interface)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (likewise)
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(f"collect.cli.{module}"), attribute)
        return command


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def collect() -> None:
    """Ask the archive of measured runs, check plans, draw reports.

    \b
    Examples:
      collect list
      collect show latest
      collect verify --all
      collect query "SELECT cell, avg(rps) FROM trials GROUP BY cell"
      collect report latest -o report.html
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; what is wrong is said in one line, never by a traceback."""
    if instruction := os.environ.get(complete.VARIABLE):
        return complete.answer(collect, instruction)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # Not click's own main(), which turns a closed pipe into exit code 1: here that says "no".
        with collect.make_context("collect", words) as context:
            code = collect.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except BenchError as error:
        return _complain(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        place = getattr(error, "ctx", None)
        where = place.command_path if place else "collect"
        return _complain(f"{error.format_message().rstrip('.')} ({where}): see `{where} --help`")
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _complain(f"{error.strerror or error} ({error.filename or 'system'}): check that it can be read")
    return code if isinstance(code, int) else 0


def _complain(message: str) -> int:
    from collect.cli.common import say

    say(f"error: {' '.join(message.split())}", err=True)
    return 2
