"""A server on this machine that behaves, or misbehaves, as a test asks; and folders of the test's own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, by name, and what was asked for; what is not among the files is not found."""

    files: dict[str, bytes]
    break_after: int | None = None  # bytes to send before the connection breaks
    status: int = 200
    sized: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(**files: bytes) -> Iterator[Site]:
    """Serve files by their names, an underscore for the dot."""
    site = Site({name.replace("_", "."): content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/").partition("?")[0]
            site.asked.append(name)
            if site.status != 200 or name not in site.files:
                self.send_error(site.status if site.status != 200 else 404)
                return
            self.send_response(200)
            if site.sized:
                self.send_header("Content-Length", str(len(site.files[name])))
            self.end_headers()
            self.wfile.write(site.files[name][: site.break_after])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        site.url = f"http://127.0.0.1:{server.server_port}"
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
