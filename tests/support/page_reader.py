"""A headless Chromium, driven through chromedriver: what a test reads is what a person sees on the page."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
WAIT_S = 60.0


def missing() -> str:
    """Why pages cannot be opened here; "" if they can."""
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian: apt-get install chromium chromium-driver)" if absent else ""


class Browser:
    """One window. Made by `browser`."""

    def __init__(self, port: int, size: tuple[int, int], profile: Path) -> None:
        self._address = f"http://127.0.0.1:{port}"
        arguments = [*ARGUMENTS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        chrome = {"binary": shutil.which("chromium"), "args": arguments}
        wanted = {"goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        started = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{started['sessionId']}"

    def open(self, address: str) -> None:
        self._send("POST", f"{self._session}/url", {"url": address})

    def script(self, code: str) -> Any:
        """What a function with this body returns in the page."""
        return self._send("POST", f"{self._session}/execute/sync", {"script": code, "args": []})

    def text(self) -> str:
        """The text of the page, that of drawings included."""
        return str(self.script("return document.body.textContent"))

    def wait_for(self, words: str) -> str:
        """The text of the page, once it has these words. Raises TimeoutError with the text where it never has."""
        ends, text = time.monotonic() + WAIT_S, ""
        while time.monotonic() < ends:
            text = self.text()
            if words in text:
                return text
            time.sleep(0.3)
        raise TimeoutError(f"expected {words!r} on the page, got {text[-2000:]!r}")

    def errors(self) -> list[str]:
        """Errors that the page wrote to the console since the last call."""
        return [line["message"] for line in self._log("browser") if line["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """Addresses that the page asked for since the last call."""
        events = [json.loads(line["message"])["message"] for line in self._log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._send("GET", f"{self._session}/screenshot")))

    def close(self) -> None:
        self._send("DELETE", self._session)

    def _log(self, kind: str) -> Any:
        return self._send("POST", f"{self._session}/se/log", {"type": kind})

    def _send(self, method: str, path: str, content: Any = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def browser(profile: Path, size: tuple[int, int] = (1400, 900)) -> Iterator[Browser]:
    """A browser with an empty profile in this folder, closed at the end."""
    port = free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/status")
        window = Browser(port, size, profile)
        try:
            yield window
        finally:
            window.close()
    finally:
        driver.terminate()
        driver.wait()


def wait_for_server(address: str) -> None:
    """Return once the address answers. Raises TimeoutError where it never does."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer from {address}")
