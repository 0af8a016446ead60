"""A front end without a browser: it runs code in a real kernel and moves a panel's controls through their comms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.manager import start_new_kernel

SECONDS = 60


class FrontEnd:
    """One kernel, and the widget models it has opened."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pictures: list[bytes] = []
        self.models: dict[str, dict[str, Any]] = {}

    def run(self, code: str) -> list[dict[str, Any]]:
        """Execute code; return the contents of its outputs. An error in the code is an ``AssertionError``."""
        return self._outputs(self._client.execute(code, store_history=False))

    def drive(self, **values: Any) -> list[bytes]:
        """Move controls by their descriptions; return the pictures that the kernel sends in answer."""
        self._pictures.clear()
        for description, value in values.items():
            content = {
                "comm_id": self._control(description),
                "data": {"method": "update", "state": {"value": value}, "buffer_paths": []},
            }
            message = self._client.session.msg("comm_msg", content)
            self._client.shell_channel.send(message)
            self._outputs(message["header"]["msg_id"])
        return list(self._pictures)

    def _control(self, description: str) -> str:
        found = [
            key for key, state in self.models.items() if state.get("description") == description and "value" in state
        ]
        assert found, f"no control is called {description!r}"
        return found[-1]

    def _outputs(self, request: str) -> list[dict[str, Any]]:
        outputs = []
        while True:
            message = self._client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            assert kind != "error", "\n".join(content["traceback"])
            if kind == "comm_open":
                self.models[content["comm_id"]] = dict(content["data"]["state"])
            if kind == "comm_msg" and content["data"].get("method") == "update":
                self.models[content["comm_id"]].update(content["data"]["state"])
                self._pictures += [bytes(buffer) for buffer in message["buffers"]]
            if kind in ("display_data", "execute_result", "stream"):
                outputs.append(content)


@contextmanager
def front_end() -> Iterator[FrontEnd]:
    """A fresh kernel for as long as the block lasts."""
    manager, client = start_new_kernel()
    try:
        yield FrontEnd(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
