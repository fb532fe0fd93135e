"""A Hugging Face Hub on 127.0.0.1 that serves one model's files, and remembers what was asked of it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "a" * 40


@dataclass
class Hub:
    url: str
    paths: list[str] = field(default_factory=list)
    user_agents: set[str] = field(default_factory=set)


@contextmanager
def serve_model(files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Serve files as the newest revision of every model that is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

        def _answer(self, *, with_body: bool) -> None:
            hub.paths.append(self.path)
            hub.user_agents.add(self.headers.get("User-Agent", ""))
            body, headers = _content(self.path.split("?")[0], files)
            self.send_response(200 if body is not None else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if with_body and body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _content(path: str, files: Mapping[str, bytes]) -> tuple[bytes | None, dict[str, str]]:
    if "/tree/" in path:
        rows = [{"type": "file", "path": name, "size": len(file), "oid": _oid(file)} for name, file in files.items()]
        return json.dumps(rows).encode(), {"Content-Type": "application/json"}
    if path.startswith("/api/models/"):
        model = {"id": "owner/tiny", "sha": REVISION, "siblings": [{"rfilename": name} for name in files]}
        return json.dumps(model).encode(), {"Content-Type": "application/json"}
    file = files.get(path.split("/resolve/")[-1].partition("/")[2])
    return file, {"ETag": f'"{_oid(file)}"', "X-Repo-Commit": REVISION} if file is not None else {}


def _oid(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()[:40]
