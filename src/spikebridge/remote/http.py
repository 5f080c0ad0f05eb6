"""Objects on a web server, read by ranges: retries, redirects, and a check that the object stays the same.

Every range names the object's ETag (If-Match), and every answer is compared with the first: ETag, size, range and
number of bytes. Retries follow urllib3's `Retry`, which heeds Retry-After; a body that breaks off is asked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from spikebridge import __version__
from spikebridge.errors import RemoteError

ATTEMPTS = 5
CONNECT_ATTEMPTS = 3
BACKOFF_S = 0.5
LONGEST_WAIT_S = 60
"""A server that asks for a longer pause (Retry-After) is waited for this long."""
TIMEOUT_S = (10.0, 60.0)
"""To connect, and between two parts of an answer."""
RETRIED = (429, 500, 502, 503, 504)
EXPIRED = (400, 401, 403)
"""What a signed address answers when its time is over."""
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
REASONS = {
    401: "it is not public: an embargoed set, or a private address",
    403: "access is refused: an embargoed set, a private bucket, or an expired address",
    404: "it does not exist there",
    410: "it was removed there",
    429: "the server asks for fewer requests; run the same command again later, and it goes on",
}


@dataclass
class TransferCount:
    """What was received.

    Parameters
    ----------
    n_bytes : int
        Bytes of contents.
    requests : int
        Answers with contents.
    """

    n_bytes: int = 0
    requests: int = 0

    def add(self, n_bytes: int) -> None:
        """Count an answer.

        Parameters
        ----------
        n_bytes : int
            Bytes of its contents.
        """
        self.n_bytes += n_bytes
        self.requests += 1


class ByteSource(Protocol):
    """An object elsewhere of which ranges can be read.

    Parameters
    ----------
    name : str
        Its address, for messages.
    size : int
        Bytes.
    etag : str
        What changes with its contents; "" where the server gives nothing.
    """

    name: str
    size: int
    etag: str

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from start to before stop."""


@dataclass
class HttpClient:
    """Requests with retries, whose bytes are counted.

    Parameters
    ----------
    backoff_s : float
        The pause before the second attempt; it doubles.
    transfer : TransferCount
        What was received so far.
    """

    backoff_s: float = BACKOFF_S
    transfer: TransferCount = field(default_factory=TransferCount)

    def __post_init__(self) -> None:
        retry = Retry(
            total=ATTEMPTS - 1,
            connect=CONNECT_ATTEMPTS - 1,
            status_forcelist=RETRIED,
            allowed_methods={"GET", "HEAD"},
            raise_on_status=False,
            backoff_factor=self.backoff_s,
            respect_retry_after_header=True,
            retry_after_max=LONGEST_WAIT_S,
        )
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": f"spikebridge/{__version__}", "Accept-Encoding": "identity"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """Ask for an object.

        Parameters
        ----------
        url : str
            Its address.
        headers : mapping of str to str, optional
            Of the request.

        Yields
        ------
        Response
            The answer, of any status; its body is not read yet.

        Raises
        ------
        RemoteError
            Where there is no answer.
        """
        with errors_in_words(url):
            response = self._session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)
        with response:
            yield response

    def json(self, url: str) -> Any:
        """Read the JSON document at an address.

        Parameters
        ----------
        url : str
            The address.

        Returns
        -------
        object
            The document.

        Raises
        ------
        RemoteError
            Where it cannot be read, or is no JSON.
        """
        with self.get(url, {"Accept": "application/json"}) as response:
            check_status(response, url)
            body = self.body(response, url)
        try:
            return requests.models.complexjson.loads(body)
        except ValueError:
            raise RemoteError(f"{url}: expected JSON, got {body[:40]!r}: is this the address of an archive?") from None

    def content(self, url: str) -> tuple[bytes, str] | None:
        """Read the whole object at an address.

        Parameters
        ----------
        url : str
            The address.

        Returns
        -------
        tuple of bytes and str, or None
            Its bytes and its ETag; None where it does not exist.

        Raises
        ------
        RemoteError
            Where it cannot be read.
        """
        for attempt in range(ATTEMPTS):
            with self.get(url) as response:
                if response.status_code == 404:
                    return None
                check_status(response, url)
                try:
                    return self.body(response, url), strong_etag(response)
                except RemoteError:
                    if attempt == ATTEMPTS - 1:
                        raise
        raise AssertionError

    def body(self, response: requests.Response, url: str) -> bytes:
        """Read the body of an answer.

        Parameters
        ----------
        response : Response
            The answer.
        url : str
            The address, for messages.

        Returns
        -------
        bytes
            The body.

        Raises
        ------
        RemoteError
            Where it breaks off.
        """
        with errors_in_words(url):
            content = response.content
        self.transfer.add(len(content))
        return content


def strong_etag(response: requests.Response) -> str:
    """The ETag of an answer; a weak one changes less often than the bytes, and counts as none."""
    etag = str(response.headers.get("ETag", ""))
    return "" if etag.startswith("W/") else etag


def check_status(response: requests.Response, url: str) -> None:
    """Raise RemoteError unless the answer has the status 200 or 206."""
    if response.status_code not in (200, 206):
        reason = REASONS.get(response.status_code, response.reason or "no reason given")
        kind = MissingError if response.status_code == 404 else RemoteError
        raise kind(f"{url}: the server answers {response.status_code}: {reason}")


@contextmanager
def errors_in_words(url: str) -> Iterator[None]:
    """RemoteError instead of what requests raises."""
    host = urlsplit(url).netloc or url
    try:
        yield
    except requests.exceptions.TooManyRedirects:
        raise RemoteError(f"{url}: its redirects never end") from None
    except requests.exceptions.SSLError as error:
        raise RemoteError(f"{host}: no safe connection ({_last_words(error)}): is a proxy in between?") from None
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema):
        raise RemoteError(f"{url}: this is no address of a web server") from None
    except requests.exceptions.ChunkedEncodingError:
        raise RemoteError(f"{url}: the answer broke off; run the same command again, and it goes on") from None
    except requests.exceptions.Timeout:
        raise RemoteError(f"{host}: no answer in time; run the same command again, and it goes on") from None
    except requests.exceptions.RequestException as error:
        text = (
            f"{host} cannot be reached ({_last_words(error)}): is there a network, or is a proxy needed (HTTPS_PROXY)?"
        )
        raise RemoteError(text) from None


def _last_words(error: BaseException) -> str:
    """The reason at the end of an error of urllib3, without the addresses of objects."""
    reason: Any = error
    while reason.args and isinstance(reason.args[0], BaseException):
        reason = reason.args[0]
    reason = getattr(reason, "reason", None) or reason
    text = str(reason)
    if match := re.search(r"\[Errno -?\d+\] ([^)'\"\]]+)", text):
        return match[1]
    text = re.sub(r"<[^>]*>:? ?", "", text).rpartition("Caused by ")[2]
    return text.rpartition(": ")[2].strip("()'\" ") or type(error).__name__


class MissingError(RemoteError):
    """There is nothing at an address (404)."""


class HttpSource:
    """One object on a web server.

    Parameters
    ----------
    url : str
        Its address; redirects are followed once, and again where the address that they lead to expires.
    client : HttpClient
        Makes the requests.
    """

    def __init__(self, url: str, client: HttpClient) -> None:
        self.name, self._client, self._at = url, client, url
        self.size, self.etag, self.changed = -1, "", ""
        self.read(0, 1)

    def read(self, start: int, stop: int) -> bytes:
        """Read a range.

        Parameters
        ----------
        start, stop : int
            The first byte, and the byte after the last.

        Returns
        -------
        bytes
            Of this range.

        Raises
        ------
        RemoteError
            Where the server gives no ranges, gives too few bytes, or the object changed since the first read.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._read(start, stop)
            except _BrokeOffError as error:
                if attempt == ATTEMPTS - 1:
                    raise RemoteError(str(error)) from None
        raise AssertionError

    def _read(self, start: int, stop: int) -> bytes:
        headers = {"Range": f"bytes={start}-{stop - 1}", **({"If-Match": self.etag} if self.etag else {})}
        with self._client.get(self._at, headers) as response:
            if response.status_code in EXPIRED and self._at != self.name:
                self._at = self.name
                return self._read(start, stop)
            self._check(response, start)
            given = RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if given is None or int(given[1]) != start:
                raise RemoteError(f"{self.name}: asked for bytes {start} to {stop - 1}, the server gives another range")
            self._remember(response, int(given[3]))
            try:
                content = self._client.body(response, self.name)
            except RemoteError as error:
                raise _BrokeOffError(str(error)) from None
            expected = min(stop, self.size) - start
            if len(content) != expected:
                text = f"expected {expected} bytes from byte {start}, got {len(content)}: the answer broke off"
                raise _BrokeOffError(f"{self.name}: {text}")
            return content

    def _check(self, response: requests.Response, start: int) -> None:
        if response.status_code == 200:
            text = "the server ignores ranges and would send the whole object: download it and read the copy"
            raise RemoteError(f"{self.name}: {text}")
        if response.status_code == 412:
            raise self._other_object("another ETag")
        if response.status_code == 416:
            if self.size < 0:
                raise RemoteError(f"{self.name}: the object is empty (0 bytes)")
            raise self._other_object(f"fewer than {start} bytes")
        check_status(response, self.name)

    def _remember(self, response: requests.Response, size: int) -> None:
        """Keep size, ETag and last change of the object, or compare them with those of the first answer."""
        etag, changed = strong_etag(response), str(response.headers.get("Last-Modified", ""))
        if self.size < 0:
            self.size, self.etag, self.changed = size, etag, changed
        elif size != self.size:
            raise self._other_object(f"{size} bytes, not {self.size}")
        elif etag != self.etag:
            raise self._other_object(f"the ETag {etag or 'none'}, not {self.etag or 'none'}")
        elif changed != self.changed:
            raise self._other_object(f"last changed {changed or 'unknown'}, not {self.changed or 'unknown'}")
        self._at = response.url

    def _other_object(self, what: str) -> RemoteError:
        return RemoteError(f"{self.name}: the object changed while it was read ({what}); fetch it again")


class _BrokeOffError(RemoteError):
    """An answer with too few bytes."""
