"""A TCP proxy on this machine that ends its connections when a test asks for it: a network that fails."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Passes bytes on to a port of this machine.

    `cut_after` is the number of bytes from client to server after which every connection ends, which then grows: so the
    cuts fall at many places. None: it never cuts.
    """

    def __init__(self, target: int, cut_after: int | None = None, grows_by: float = 1.0, cuts: int = 0) -> None:
        self.target, self.cut_after, self.grows_by, self.cuts_left = target, cut_after, grows_by, cuts
        self.cuts, self.answers_lost = 0, 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections now."""
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                target.sendall(data)
                if counted and self._due(passed):
                    break  # the server got the request; the client does not get the answer
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open -= {source, target}

    def _due(self, passed: int) -> bool:
        with self._lock:
            if self.cut_after is None or self.cuts_left <= 0 or passed < self.cut_after:
                return False
            self.cuts, self.cuts_left = self.cuts + 1, self.cuts_left - 1
            self.cut_after = int(self.cut_after * self.grows_by)
            return True
