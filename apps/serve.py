"""Serve a variant: ``python -m apps.serve`` with the variant's options in the environment."""

import sys

from apps.options import OptionError, Options
from apps.servers import SERVERS


def main() -> int:
    """Serve until a signal ends it; 2 where the options cannot be followed."""
    try:
        options = Options.from_env()
        SERVERS[options.server](options)
    except OptionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
