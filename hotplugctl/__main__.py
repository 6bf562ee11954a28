"""``python -m hotplugctl`` and the console script."""

from __future__ import annotations

import gc
import os
import sys

# A command makes many objects and no cycles worth collecting, and ends: the collector would only look in vain.
_OBJECTS_BETWEEN_COLLECTIONS = 500_000


def main() -> int:
    """Run the command line; the exit status."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        from hotplugctl.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # While it was still loading.
        return 130
    except MemoryError:
        os.write(2, b"hotplugctl: not enough memory\n")
        return 70


if __name__ == "__main__":
    sys.exit(main())
