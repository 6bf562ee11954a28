"""``python -m hotplugctl`` and the console script."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; the exit status."""
    from hotplugctl.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
