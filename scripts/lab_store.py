"""The services of compose.yaml as processes of this machine, without a container engine.

    python scripts/lab_store.py FOLDER                      the store, until Ctrl-C
    python scripts/lab_store.py FOLDER --run PROJECT        and the service `pipeline` once, in the folder of a project
    python scripts/lab_store.py FOLDER --try COMMAND...     and a command with the variables of `pipeline`

Commands, variables, secrets, the order of the starts and the checks of health are those of compose.yaml. Only places
are replaced: names of services by 127.0.0.1, their ports by free ones, /run/secrets and volumes by folders in FOLDER.
What this cannot show: the images, their users, the networks and the limits. It needs Debian's postgresql and the extra
`dev`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab_servers import HOST, S3, Postgres, free_port, postgres_program

ROOT = Path(__file__).resolve().parent.parent
PORTS = {"database": 5432, "files": 8333, "mlflow": 5000}
"""Service -> its port in compose.yaml."""
WAIT_S = 180


@dataclass
class Lab:
    """The services of a compose file, their folder on this machine and what has been started."""

    services: dict[str, dict[str, Any]]
    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    database: Postgres | None = None

    def placed(self, text: str) -> str:
        """A word of compose.yaml with the places of this machine."""
        for name, port in PORTS.items():
            for host in (name, HOST, "localhost"):
                text = text.replace(f"{host}:{port}", f"{HOST}:{self.ports[name]}")
            text = text.replace(f"-ip={name}", f"-ip={HOST}").replace(f".port={port}", f".port={self.ports[name]}")
        text = text.replace("0.0.0.0", HOST).replace("/run/secrets", str(self.folder / "secrets"))
        return text.replace("-dir=/data", f"-dir={self.folder / 'files'}")

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service, and of this machine what every process needs."""
        dropped = ("MLFLOW_", "AWS_", "PG")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        given = {key: self.placed(str(value)) for key, value in self.services[name].get("environment", {}).items()}
        if "MLFLOW_PORT" in given:
            given |= {"MLFLOW_PORT": str(self.ports[name]), "MLFLOW_HOST": HOST}
        return kept | {"PATH": path, "AWS_EC2_METADATA_DISABLED": "true"} | given

    def words(self, name: str) -> list[str]:
        """Entry point and command of a service."""
        service = self.services[name]
        return [self.placed(str(word)) for word in [*service.get("entrypoint", []), *service.get("command", [])]]

    def start(self, name: str) -> None:
        """Start a service after those that it depends on, and wait until its check of health passes."""
        print(f"{name}: {' '.join(self.words(name))}", flush=True)
        if name == "database":
            self._start_database()
        else:
            extra = self._more_ports() if name == "files" else []
            (self.folder / "files").mkdir(exist_ok=True)
            with open(self.folder / f"{name}.log", "ab") as out:
                self.processes.append(
                    subprocess.Popen(
                        [*self.words(name), *extra],
                        cwd=ROOT,
                        env=self.environment(name),
                        stdout=out,
                        stderr=out,
                        start_new_session=True,
                    )
                )
        self.wait_for_health(name)

    def _start_database(self) -> None:
        """What the entry point of the image does: make the user and the database of the variables, then the command."""
        given, command = self.environment("database"), self.words("database")
        password = Path(given["POSTGRES_PASSWORD_FILE"]).read_text()
        self.database = Postgres(
            self.folder / "database",
            given["POSTGRES_USER"],
            password,
            given["POSTGRES_DB"],
            command[1:],
            self.ports["database"],
        )
        self.database.start()

    def _more_ports(self) -> list[str]:
        """SeaweedFS on this machine must not take the ports of another one."""
        http = [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer")]
        grpc = [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
        return [*http, *grpc, f"-filer.localSocket={self.folder / 'filer.sock'}"]

    def healthy(self, name: str) -> bool:
        """Whether the check of health of a service passes now."""
        test = [self.placed(str(word)) for word in self.services[name]["healthcheck"]["test"]]
        kind, words = test[0], test[1:]
        assert kind == "CMD", f"{name}: expected a check of the form CMD, got {kind}"
        if words[0] == "pg_isready":
            words = [postgres_program("pg_isready") or "pg_isready", *words[1:], "-p", str(self.ports[name])]
        if words[0] == "wget" and not shutil.which("wget"):
            code = f"import urllib.request as u; u.urlopen({words[-1]!r}, timeout=5)"
            words = [sys.executable, "-c", code]
        done = subprocess.run(words, env=self.environment(name), capture_output=True, check=False, timeout=30)
        return done.returncode == 0

    def wait_for_health(self, name: str) -> None:
        until = time.monotonic() + WAIT_S
        while not self.healthy(name):
            ended = [p for p in self.processes if p.poll() is not None]
            if ended or time.monotonic() > until:
                log = self.folder / f"{name}.log"
                text = log.read_text(errors="replace")[-3000:] if log.is_file() else ""
                raise RuntimeError(f"{name} does not pass its check of health:\n{text}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End what was started, the last first."""
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self.database is not None:
            self.database.stop()


def in_order(services: dict[str, dict[str, Any]]) -> list[str]:
    """The services without a profile, each after those that it depends on."""
    ordered: list[str] = []
    waiting = [name for name, service in services.items() if not service.get("profiles")]
    while waiting:
        ready = [name for name in waiting if set(services[name].get("depends_on", {})) <= set(ordered)]
        if not ready:
            raise ValueError(f"compose.yaml: {', '.join(waiting)} depend on each other")
        ordered += ready
        waiting = [name for name in waiting if name not in ready]
    return ordered


@contextlib.contextmanager
def lab(folder: Path, compose: Path = ROOT / "compose.yaml") -> Iterator[Lab]:
    """The running store. Raises RuntimeError if a program is missing or a service does not come up."""
    if missing := Postgres.missing() or S3.missing():
        raise RuntimeError(missing)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the user postgres goes through it
    subprocess.run(["sh", str(ROOT / "scripts" / "lab_secrets.sh"), str(folder / "secrets")], check=True)
    running = Lab(yaml.safe_load(compose.read_text(encoding="utf-8"))["services"], folder)
    try:
        for name in in_order(running.services):
            running.start(name)
        yield running
    finally:
        running.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="for data, secrets and logs of the services")
    parser.add_argument(
        "--run", type=Path, metavar="PROJECT", help="run the service `pipeline` in this folder, then end"
    )
    parser.add_argument("--try", dest="command", nargs=argparse.REMAINDER, help="run a command, then end")
    options = parser.parse_args(arguments)
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends the services as Ctrl-C does
        with lab(options.folder.resolve()) as running:
            command = running.words("pipeline") if options.run else options.command
            variables = running.environment("pipeline")
            if command:
                return subprocess.run(command, cwd=options.run or None, env=variables, check=False).returncode
            print(f"export MLFLOW_TRACKING_URI={variables['MLFLOW_TRACKING_URI']}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
