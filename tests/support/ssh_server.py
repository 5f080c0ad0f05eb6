"""OpenSSH's server on this machine, on a free port, for the user who runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab_servers import HOST, free_port, wait_for_port


class SshServer:
    """`with SshServer(folder) as server:`; it accepts the private key in the file `server.key` and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.key = folder, free_port(), folder / "key"

    @staticmethod
    def program() -> str | None:
        return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))

    @classmethod
    def missing(cls) -> str:
        """Why there is no SSH server here; "" if there is."""
        return "" if cls.program() else "sshd is not installed (Debian: apt-get install openssh-server)"

    def __enter__(self) -> SshServer:
        self.folder.mkdir(parents=True)
        for name in ("key", "host_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(command, check=True)
        shutil.copy(self.folder / "key.pub", self.folder / "authorized_keys")
        lines = [
            f"Port {self.port}",
            f"ListenAddress {HOST}",
            f'HostKey "{self.folder / "host_key"}"',
            f'AuthorizedKeysFile "{self.folder / "authorized_keys"}"',
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin prohibit-password",
            "Subsystem sftp internal-sftp",
        ]
        settings = self.folder / "sshd_config"
        settings.write_text("\n".join(lines) + "\n")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        log = self.folder / "sshd.log"
        with open(log, "ab") as out:
            command = [self.program() or "sshd", "-D", "-e", "-f", str(settings)]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)
        wait_for_port(self.port, self.process, log)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
