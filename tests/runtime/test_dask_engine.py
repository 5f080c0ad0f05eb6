"""The engine dask on real processes: the tests start a scheduler and workers as separate processes on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask_jobs
import pytest
from dask_processes import CODE, LIMIT_S, DaskProcesses, dask_processes, ends, wait_until
from project import ROOT

from spikebridge.config import ClusterConfig, ComputeConfig, TlsConfig
from spikebridge.errors import ConfigError, DataError, SpikebridgeError
from spikebridge.runtime import parallel

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def dask(folder: Path) -> Iterator[DaskProcesses]:
    with dask_processes(folder, 2) as made:
        yield made


@pytest.fixture(autouse=True)
def _in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(jobs: list[int], workers: parallel.Workers) -> tuple[list[int], list[Any]]:
    heard: list[Any] = []
    return parallel.run_jobs(dask_jobs.square, jobs, workers, heard.append), heard


def test_results_in_order_and_every_report_heard(dask: DaskProcesses) -> None:
    here, elsewhere = run([3, 1, 2], 1), run([3, 1, 2], dask.compute)
    assert elsewhere[0] == here[0] == [9, 1, 4]
    assert sorted(elsewhere[1]) == sorted(here[1])
    assert not any(Path("runs/cluster").iterdir())


def test_a_users_mistake_comes_through(dask: DaskProcesses) -> None:
    with pytest.raises(DataError, match="thirteen") as caught:
        run([1, 13, 2], dask.compute)
    assert caught.value.refusal.findings[0].text == "thirteen"


def test_an_exception_that_cannot_be_sent_comes_as_text(dask: DaskProcesses) -> None:
    with pytest.raises(RuntimeError, match="LocalError: of a function"):
        parallel.run_jobs(dask_jobs.unpicklable, [1], dask.compute, print)


def test_what_a_job_sees(dask: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's folder and settings on one thread, but not what else its environment holds."""
    monkeypatch.setenv("SPIKEBRIDGE_NEW", "1")
    monkeypatch.setenv("SOME_PASSWORD", "1")
    results = parallel.run_jobs(dask_jobs.surroundings, ["SPIKEBRIDGE_NEW"] * 6, dask.compute, print, ("torch",))
    for seen in results:
        assert seen.pop("process") != os.getpid()
        assert seen == {"folder": str(tmp_path), "variable": "1", "secret": None, "threads": {1}}


def test_a_job_whose_process_is_killed_runs_again(dask: DaskProcesses, tmp_path: Path) -> None:
    (tmp_path / "deaths").write_text("1\n2")
    heard: list[str] = []
    assert parallel.run_jobs(dask_jobs.die, [tmp_path / "deaths"], dask.compute, heard.append) == ["done"]
    assert heard == ["begun", "ended"]


def test_a_job_that_kills_every_worker_is_named(dask: DaskProcesses, tmp_path: Path) -> None:
    (tmp_path / "deaths").write_text("1\n2\n3\n4\n5")
    (tmp_path / "none").touch()
    jobs = [tmp_path / "none", tmp_path / "deaths"]
    with pytest.raises(SpikebridgeError, match=r"job 2 of 2 .*deaths.* 3 times.*killed.*memory"):
        parallel.run_jobs(dask_jobs.die, jobs, dask.compute, lambda _: None)
    assert (tmp_path / "deaths").read_text().splitlines() == ["4", "5"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_ends_takes_no_result_along(tmp_path: Path, how: signal.Signals) -> None:
    """Its job runs again on the other one; its process ends with it. SIGTERM: as batch systems end their jobs."""
    with dask_processes(tmp_path, 2) as made:
        first, second = tmp_path / "first", tmp_path / "second"
        second.touch()
        killed: list[int] = []

        def kill_its_worker(_: str) -> None:
            if not killed and first.with_suffix(".begun").exists():
                killed.extend(map(int, first.with_suffix(".begun").read_text().split()))
                os.kill(killed[1], how)
                wait_until(lambda: ends(killed[0]))
                first.touch()

        results = parallel.run_jobs(dask_jobs.wait_for_a_file, [first, second], made.compute, kill_its_worker)
        assert results == ["first", "second"]
        begun = [line.split()[1] for line in first.with_suffix(".begun").read_text().splitlines()]
        assert len(begun) == 2
        assert begun[0] != begun[1]


def test_a_worker_that_dies_with_every_job_is_given_up(tmp_path: Path) -> None:
    with dask_processes(tmp_path, 4) as made:
        job = tmp_path / "job"

        watcher = KillsEveryWorker(job.with_suffix(".begun"))
        with watcher, pytest.raises(SpikebridgeError, match=r"job 1 of 1 .*3 times.*worker died"):
            parallel.run_jobs(dask_jobs.wait_for_a_file, [job], made.compute, lambda _: None)
        assert len(watcher.killed) >= 3


class KillsEveryWorker:
    """Kills each worker as soon as its job has written its process ids to a file."""

    def __init__(self, begun: Path) -> None:
        import threading

        self.begun, self.killed, self.over = begun, list[int](), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(0.1):
            lines = self.begun.read_text().splitlines() if self.begun.exists() else []
            for line in lines[len(self.killed) :]:
                self.killed.append(int(line.split()[1]))
                os.kill(self.killed[-1], signal.SIGKILL)


def test_a_killed_scheduler_is_one_line(tmp_path: Path) -> None:
    with dask_processes(tmp_path, 1) as made:
        job = tmp_path / "job"
        with pytest.raises(SpikebridgeError, match=r"connection to the scheduler at .* was lost"):
            parallel.run_jobs(dask_jobs.wait_for_a_file, [job], made.compute, lambda _: made.scheduler.kill())
        pids = [int(pid) for pid in job.with_suffix(".begun").read_text().split()]
        wait_until(lambda: all(map(ends, pids)))
        made.start_scheduler()
        made.start_worker()
        job.touch()
        assert parallel.run_jobs(dask_jobs.wait_for_a_file, [job], made.compute, print) == ["job"]


CLIENT = """
import sys
from pathlib import Path
import dask_jobs
from spikebridge.config import ComputeConfig
from spikebridge.runtime import parallel

if __name__ == "__main__":
    compute = ComputeConfig.model_validate_json(sys.argv[1])
    parallel.run_jobs(dask_jobs.wait_for_a_file, [Path("first").absolute(), Path("second").absolute()], compute, print)
"""


def started_client(folder: Path, compute: ComputeConfig) -> subprocess.Popen[bytes]:
    """A process that waits for two jobs, both of which have begun. It leads a group, as in a terminal."""
    (folder / "client.py").write_text(CLIENT)
    command = [sys.executable, "client.py", compute.model_dump_json()]
    log = (folder / "client.log").open("wb")
    client = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": CODE}, stdout=log, stderr=log, start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    log.close()
    wait_until(lambda: all((folder / f"{name}.begun").exists() for name in ("first", "second")))
    return client


def heed_ctrl_c() -> None:
    """As in a terminal: a shell makes jobs in its background, such as these tests may be, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def job_pids(folder: Path) -> list[int]:
    return [int(pid) for name in ("first", "second") for pid in (folder / f"{name}.begun").read_text().split()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_job_outlives_its_run(dask: DaskProcesses, tmp_path: Path, how: signal.Signals) -> None:
    """The workers of a scheduler that runs on are free for the next run; only the processes of the jobs end."""
    client = started_client(tmp_path, dask.compute)
    processes, workers = job_pids(tmp_path)[::2], job_pids(tmp_path)[1::2]
    os.killpg(client.pid, how)
    wait_until(lambda: client.poll() is not None)
    wait_until(lambda: all(map(ends, processes)))
    assert not any(map(ends, workers))
    assert run([2], dask.compute)[0] == [4]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_cluster_of_this_machine_ends_with_its_run(tmp_path: Path, how: signal.Signals) -> None:
    compute = ComputeConfig(engine="dask", cluster=ClusterConfig(kind="local", n_workers=2))
    client = started_client(tmp_path, compute)
    pids = job_pids(tmp_path)
    os.killpg(client.pid, how)
    wait_until(lambda: client.poll() is not None)
    wait_until(lambda: all(map(ends, pids)))


def test_a_killed_worker_of_a_cluster_is_replaced(tmp_path: Path) -> None:
    compute = ComputeConfig(engine="dask", cluster=ClusterConfig(kind="local", n_workers=2))
    client = started_client(tmp_path, compute)
    os.kill(job_pids(tmp_path)[1], signal.SIGKILL)
    wait_until(lambda: len(job_pids(tmp_path)) == 6)
    for name in ("first", "second"):
        (tmp_path / name).touch()
    assert client.wait(60) == 0, (tmp_path / "client.log").read_text()


def test_no_worker_is_one_line(tmp_path: Path) -> None:
    with dask_processes(tmp_path, 0) as made:
        compute = made.compute.model_copy(update={"wait_s": 4.0})
        with pytest.raises(SpikebridgeError, match=r"no worker has come to tcp://127.0.0.1:\d+ within 4 s"):
            run([1], compute)


def test_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikebridge.runtime.dask_engine import connection

    monkeypatch.setattr(connection, "CONNECT_S", 1)
    compute = ComputeConfig(engine="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"compute.scheduler: no scheduler answers at tcp://127.0.0.1:9 .*running"):
        run([1], compute)


def test_a_worker_with_other_code_is_refused(tmp_path: Path) -> None:
    """Its results might differ without a sign."""
    shutil.copytree(ROOT / "src" / "spikebridge", tmp_path / "src" / "spikebridge")
    with (tmp_path / "src" / "spikebridge" / "models" / "dnn.py").open("a") as file:
        file.write("\n# another version\n")
    path = os.pathsep.join([str(tmp_path / "src"), str(ROOT / "tests" / "support")])
    with dask_processes(tmp_path, 0) as made:
        made.start_worker({"PYTHONPATH": path})
        with pytest.raises(ConfigError, match=r"software differs.*the code of spikebridge \w+ here, \w+ there"):
            run([1, 2, 3], made.compute)


def test_a_worker_of_several_threads_is_refused(tmp_path: Path) -> None:
    with dask_processes(tmp_path, 0) as made:
        made.start_worker(threads=2)
        with pytest.raises(ConfigError, match="has 2 threads: start workers with --nthreads 1"):
            run([1, 2, 3], made.compute)


WITHOUT_THE_PACKAGE = """
import importlib.metadata
known = importlib.metadata.version
def version(name):
    if name == "spikebridge":
        raise importlib.metadata.PackageNotFoundError(name)
    return known(name)
importlib.metadata.version = version
"""


def test_a_worker_without_the_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_PACKAGE)
    with dask_processes(tmp_path, 0) as made:
        made.start_worker({"PYTHONPATH": os.pathsep.join([str(tmp_path), CODE])})
        run_when_there_is_a_worker(made)
        with pytest.raises(ConfigError, match="the package spikebridge is not installed there"):
            run([1], made.compute)


def run_when_there_is_a_worker(made: DaskProcesses) -> None:
    from spikebridge.runtime.dask_engine.connection import connect

    wait_until(connect(made.compute, 1).client.nthreads)


def test_an_encrypted_connection(tmp_path: Path) -> None:
    from distributed import Security

    made = Security.temporary()
    for name, content in (("ca", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (tmp_path / f"{name}.pem").write_text(content)
    files = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    options = (
        "--tls-ca-file",
        files["ca"],
        "--tls-cert",
        files["cert"],
        "--tls-key",
        files["key"],
        "--protocol",
        "tls",
    )
    with dask_processes(tmp_path, 1, options) as dask:
        with pytest.raises(
            ConfigError, match=r"compute.tls: the scheduler at tls://.* needs tls: {ca_file, cert, key}"
        ):
            run([1], dask.compute)
        tls = TlsConfig(ca_file=files["ca"], cert=files["cert"], key=files["key"])
        assert run([1, 2], dask.compute.model_copy(update={"tls": tls}))[0] == [1, 4]


SBATCH = """#!/bin/sh
# a batch system as far as dask-jobqueue talks to one: the script runs at once, on this machine
cp "$1" "{folder}/job-$$.sh"
log="$(sed -n 's/^#SBATCH -o //p' "$1" | sed "s/%J/$$/")"
setsid sh "{folder}/job-$$.sh" >"$log" 2>&1 &
echo $! >"{folder}/$$.pid"
echo "Submitted batch job $$"
"""
SCANCEL = """#!/bin/sh
kill -9 -"$(cat "{folder}/$1.pid")"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ComputeConfig:
    """A cluster of a batch system that two scripts play."""
    (tmp_path / "bin").mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / "bin" / name).write_text(text.format(folder=tmp_path))
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", CODE)
    cluster = ClusterConfig(kind="slurm", n_workers=2, memory="1GB", walltime="00:30:00", queue="short")
    return ComputeConfig(engine="dask", cluster=cluster, wait_s=LIMIT_S)


def test_workers_of_a_batch_system(slurm: ComputeConfig, tmp_path: Path) -> None:
    """One job a worker, over TLS; all are cancelled at the end of the run. The folder of the project has a space."""
    project = tmp_path / "my project"
    project.mkdir()
    client = started_client(project, slurm)
    scripts = [path.read_text() for path in tmp_path.glob("job-*.sh")]
    assert len(scripts) == 2
    for script in scripts:
        assert "#SBATCH -p short" in script
        assert "DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=false" in script
        for part in ("tls://", "--nthreads 1", "--lifetime 1440s --lifetime-stagger 180s", "--death-timeout 60"):
            assert part in script
    os.kill(job_pids(project)[0], signal.SIGKILL)
    for name in ("first", "second"):
        (project / name).touch()
    assert client.wait(60) == 0, (project / "client.log").read_text()
    wait_until(lambda: all(map(ends, job_pids(project))))
    batch_jobs = [int(path.read_text()) for path in tmp_path.glob("*.pid")]
    wait_until(lambda: all(map(ends, batch_jobs)))


def test_a_batch_system_that_refuses_jobs_is_one_line(slurm: ComputeConfig, tmp_path: Path) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/sh\necho invalid account >&2\nexit 1\n")
    with pytest.raises(SpikebridgeError, match="no worker has come: the batch system refused the job: look at queue"):
        run([1], slurm)


def test_nodes_without_the_python_of_the_workers_are_one_line(slurm: ComputeConfig) -> None:
    assert slurm.cluster is not None
    there = slurm.cluster.model_copy(update={"python": "/not/there/bin/python"})
    with pytest.raises(
        SpikebridgeError, match=r"no worker has come: the nodes do not have the Python .*cluster.python"
    ):
        run([1], slurm.model_copy(update={"cluster": there}))


def test_no_batch_system_is_one_line() -> None:
    cluster = ClusterConfig(kind="pbs", n_workers=2, memory="1GB")
    with pytest.raises(ConfigError, match=r"compute.cluster.kind: pbs needs the command qsub, which is not here"):
        run([1], ComputeConfig(engine="dask", cluster=cluster))
