"""A headless Chromium, driven over HTTP by chromedriver: opens pages, runs scripts in them, and keeps their log."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
OPENER = build_opener(ProxyHandler({}))
PATIENCE_S = 90
PHONE = {"width": 375, "height": 812, "pixelRatio": 2.0}


@dataclass(frozen=True)
class Browser:
    """One session of a browser. address: of the session at chromedriver."""

    address: str

    def call(self, command: str, **content: Any) -> Any:
        """Send a command of the WebDriver protocol; what it returns."""
        return _post(f"{self.address}/{command}", content)

    def open(self, url: str) -> None:
        """Open a page and wait until it and its images are loaded."""
        self.call("url", url=url)

    def run(self, script: str) -> Any:
        """What a script in the page returns."""
        return self.call("execute/sync", script=script, args=[])

    def text(self) -> str:
        """The text of the page, that of drawings included."""
        return str(self.run("return document.body.textContent"))

    def wait_for(self, words: str) -> str:
        """The text of the page, once it has these words. Raises TimeoutError with the text where it never has."""
        ends, text = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < ends:
            text = self.text()
            if words in text:
                return text
            time.sleep(0.3)
        raise TimeoutError(f"expected {words!r} on the page, got {text[-2000:]!r}")

    def messages(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        return [entry["message"] for entry in self.call("se/log", type="browser")]

    def requests(self) -> list[str]:
        """Addresses that pages asked for since the last call; the browser's own start page is left out."""
        events = [json.loads(entry["message"])["message"] for entry in self.call("se/log", type="performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("chrome:", "chrome-untrusted:"))]

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write a PNG of what is seen, or of the whole page."""
        shot = self.call(
            "goog/cdp/execute",
            cmd="Page.captureScreenshot",
            params={"format": "png", "captureBeyondViewport": whole},
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        """Write the page as a PDF on A4."""
        paper = {"width": 21.0, "height": 29.7}
        path.write_bytes(base64.b64decode(self.call("print", page=paper, background=True)))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for_server(address: str) -> None:
    """Return once the address answers. Raises TimeoutError where it never does."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        try:
            with OPENER.open(Request(address), timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer from {address}")


@contextmanager
def browser(folder: Path, width: int = 1280, height: int = 900, phone: bool = False) -> Iterator[Browser]:
    """A browser with an empty profile in `folder`; skips the test where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs Chromium and chromedriver (on Debian: apt-get install chromium chromium-driver)")
    port = free_port()
    with open(folder / "chromedriver.log", "wb") as log:
        process = subprocess.Popen([driver, f"--port={port}"], stdout=log, stderr=log)
        try:
            session = _session(f"http://127.0.0.1:{port}", chromium, folder, (width, height), phone)
            try:
                yield session
            finally:  # after a failed test too: Chromium outlives its driver
                session_end(session)
        finally:
            process.terminate()
            process.wait(30)


def _session(server: str, chromium: str, folder: Path, size: tuple[int, int], phone: bool) -> Browser:
    arguments = [*SWITCHES, f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}"]
    options: dict[str, Any] = {"binary": chromium, "args": arguments}
    if phone:
        options["mobileEmulation"] = {"deviceMetrics": PHONE}
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": options,
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            made = _post(f"{server}/session", {"capabilities": {"alwaysMatch": wanted}})
            return Browser(f"{server}/session/{made['sessionId']}")
        except URLError as error:
            if hasattr(error, "code") or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def session_end(session: Browser) -> None:
    """Close the browser of a session."""
    with OPENER.open(Request(session.address, method="DELETE"), timeout=PATIENCE_S):
        pass


def _post(url: str, content: Any) -> Any:
    head = {"Content-Type": "application/json"}
    request = Request(url, json.dumps(content).encode(), head, method="POST")
    with OPENER.open(request, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read())["value"]
