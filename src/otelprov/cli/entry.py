# SPDX-License-Identifier: Apache-2.0
"""The `otelprov` command: `run` starts at once, every other command goes through click."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] == "run":
        # Its start-up time is added to every observed program's, so nothing else is imported.
        from otelprov.cli.run import run

        return run(arguments[1:])
    from otelprov.cli.main import cli

    cli()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
