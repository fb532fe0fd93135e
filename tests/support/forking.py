"""Starts `insgen run` in processes that can be killed, each forked from one that has imported everything already.

    python forking.py        reads project folders on stdin; for each prints the pid of a new `insgen run`, then its end

An ordinary start costs seconds for litellm alone; the processes that are killed are real all the same.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Fork one `insgen run` per line."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    for module in ("litellm", "openai.resources", "insgen.loop.assemble", "insgen.cli.run"):
        importlib.import_module(module)
    from insgen.cli.main import main as insgen
    from insgen.hooks.manager import load_plugins
    from insgen.store.database import open_store

    load_plugins()
    with tempfile.TemporaryDirectory() as folder:  # sqlite-utils loads pandas where there is one
        open_store(Path(folder) / "insgen.db").close()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(2, 1)
            sys.argv = ["insgen", "run", line.strip(), "--quiet"]
            try:
                status = insgen()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            os._exit(status or 0)
        tell(pid)
        tell(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def tell(number: int) -> None:
    """Write one line on stdout."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
