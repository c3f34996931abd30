"""uvicorn's HTTP protocol with the bounds that it lacks: on the size of a request's head, on the time for receiving and
for sending, and on who stays when there are too many connections.

Without them anybody, signed in or not, holds connections open by sending or reading nothing until no more are accepted,
or fills memory with a head without an end. It knows nothing of what is served; a body that is being read is the
application's to bound.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState


class Connections(ServerState):
    """What the connections of one server share: uvicorn's own state, and which of them wait, the longest first."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[BoundedHttpProtocol, None] = {}
        """Those on which no request is being answered."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. What it sends while no request is being answered must be complete in time, or it is closed.

    When there are as many as may be, each new one ends the one that has waited longest. One that does not read what it
    is sent is ended.
    """

    receive_timeout_s: ClassVar[float] = 10.0
    send_timeout_s: ClassVar[float] = 30.0
    max_head_bytes: ClassVar[int] = 64 << 10

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        state = self.server_state
        self._waiting = state.waiting if isinstance(state, Connections) else {}
        self._receive_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._is_in_message = self._is_in_head = self._has_begun = False
        self._head_bytes = 0
        self._fault = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency and self._waiting:
            longest = next(iter(self._waiting))
            del self._waiting[longest]
            longest.transport.abort()
        self._waiting[self] = None
        self._start_receive_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._waiting.pop(self, None)
        self._stop_receive_timer()
        self._stop_send_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then bound what is still incomplete: uvicorn's own timer ends with the first byte."""
        self._has_begun = False
        super().data_received(data)
        if self._is_in_head and not self._has_begun:
            self._head_bytes += len(data)
        self._bound_what_is_incomplete()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_message = self._is_in_head = self._has_begun = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Begin the request, unless its head is too large."""
        self._stop_receive_timer()
        self._is_in_head = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.max_head_bytes:
            self._fault = self._head_too_large()
            raise ValueError(self._fault)  # ends the parser; uvicorn answers 400
        self._waiting.pop(self, None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The connection is idle, or its request is being answered."""
        self._stop_receive_timer()
        self._is_in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """A request was answered, perhaps before it had arrived."""
        super().on_response_complete()
        if not self._is_answering:
            self._waiting[self] = None
        self._bound_what_is_incomplete()

    def pause_writing(self) -> None:
        """The client must read some of what waits for it in time."""
        super().pause_writing()
        self._start_send_timer()

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop_send_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """It was idle for long; answers that it has not read by now it will not read."""
        super().timeout_keep_alive_handler()
        self._start_send_timer()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong where it is known."""
        super().send_400_response(self._fault or msg)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _bound_what_is_incomplete(self) -> None:
        if self.transport.is_closing():
            self._start_send_timer()  # it closes once the client has read the rest
            return
        if self._is_answering:
            return
        if self._is_in_head and self._head_bytes > self.max_head_bytes:
            self.send_400_response(self._head_too_large())
        elif self._is_in_message:
            self._start_receive_timer()
        elif self.timeout_keep_alive_task is None and self._receive_timer is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _head_too_large(self) -> str:
        return f"The request's head is larger than {self.max_head_bytes} bytes."

    def _start_receive_timer(self) -> None:
        if self._receive_timer is None:
            self._receive_timer = self.loop.call_later(self.receive_timeout_s, self.transport.abort)

    def _stop_receive_timer(self) -> None:
        if self._receive_timer is not None:
            self._receive_timer.cancel()
            self._receive_timer = None

    def _start_send_timer(self) -> None:
        if self._send_timer is None:
            self._send_timer = self.loop.call_later(self.send_timeout_s, self.transport.abort)

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
