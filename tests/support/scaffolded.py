"""Makes a package of every kind that `insgen plugins new` can begin.

python tests/support/scaffolded.py FOLDER      make them, and have mypy --strict look at each
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from insgen.scaffold.package import KINDS, make_package


def make_all(folder: Path) -> list[Path]:
    """One package per kind; returns their folders."""
    made = []
    for kind in KINDS:
        made.append(folder / kind)
        make_package(f"my-{kind}", kind, made[-1], f'use = "my-{kind}"')
    return made


def main(folder: Path) -> int:
    packages = make_all(folder)
    sources = [str(package / "src") for package in packages]
    names = [each.name for package in packages for each in (package / "src").iterdir()]
    chosen = [part for name in names for part in ("-p", name)]
    environment = os.environ | {"MYPYPATH": os.pathsep.join(sources)}
    return subprocess.run([sys.executable, "-m", "mypy", "--strict", *chosen], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
