"""A server on this machine that behaves, or misbehaves, as a test asks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, and what was asked for."""

    content: bytes
    tag: str = '"v1"'
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes to send in each coming answer before it breaks
    statuses: list[int] = field(default_factory=list)  # statuses of the coming answers, before good ones
    sized: bool = True
    asked: list[str | None] = field(default_factory=list)  # the Range header of each request
    url: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.asked.append(asked)
            if site.statuses:
                self.send_error(site.statuses.pop(0))
                return
            start = 0
            if asked and site.ranges and self.headers.get("If-Range") in (None, site.tag):
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(site.content):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
            else:
                self.send_response(200)
            if site.tag:
                self.send_header("ETag", site.tag)
            if site.sized:
                self.send_header("Content-Length", str(len(site.content) - start))
            self.end_headers()
            stop = start + site.break_after.pop(0) if site.break_after else len(site.content)
            self.wfile.write(site.content[start:stop])

        def log_message(self, *_: object) -> None:
            pass

    with _running(Handler) as address:
        site.url = f"{address}/archive.zip"
        yield site


@contextmanager
def serving_files(files: dict[str, bytes]) -> Iterator[str]:
    """Serve several small files; what is not among them is not found."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path.removeprefix("/"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with _running(Handler) as address:
        yield address


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
