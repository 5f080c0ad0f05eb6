"""`python` of the stages of a run with warm processes: hands `python script.py ...` to the server (see warm_server).

    python -IS warm_client.py PYTHON SOCKET ARGUMENT ...

Whatever the server does not take, PYTHON runs. Only modules that load within milliseconds are imported.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys


def main() -> None:
    """Run the arguments as those of Python; the exit code is that of the script."""
    python, address, *arguments = sys.argv[1:]
    if arguments and arguments[0].endswith(".py"):
        server = socket.socket(socket.AF_UNIX)
        request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
        text = json.dumps(request).encode()
        try:
            server.connect(address)
            socket.send_fds(server, [struct.pack("!I", len(text))], [0, 1, 2])
            server.sendall(text)
            code = server.recv(16)
        except OSError:
            code = b""
        if code:
            sys.exit(int(code))
    os.execv(python, [python, *arguments])


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
