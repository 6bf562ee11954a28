"""Pack stories that the lab has written for ``fixtures/lab``.

    python3 -m scripts.make_lab_fixtures STORIES fixtures/lab

STORIES is what ``python -m tests.lab --fixtures --stories STORIES`` left: ``NAME/STAGE/`` recordings, made in the guest
by hotplugctl itself, so nothing is in them but what is read; ``NAME/events/``; ``NAME/host/``, the transcript that
proves what happened. Each becomes ``NAME.tar.xz``. The same input gives the same bytes; two runs of the lab differ in
their times.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.make_fixtures import EPOCH, copy_events, pack


def main() -> int:
    """Make every story's fixture; print what came out."""
    stories, fixtures = Path(sys.argv[1]), Path(sys.argv[2])
    fixtures.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*EPOCH)
    for story in sorted(path for path in stories.iterdir() if (path / "host").is_dir()):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / story.name
            shutil.copytree(story, out, symlinks=True, ignore=shutil.ignore_patterns("events"))
            copy_events(story / "events", out / "events")
            target = fixtures / f"{story.name}.tar.xz"
            pack(out, target)
            print(f"{target}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
