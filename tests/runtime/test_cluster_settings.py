"""What `compute` may ask of Dask, in one line where it is wrong. No scheduler is needed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from studies import small_config

from spikebridge.config import ClusterConfig, ComputeConfig, TlsConfig
from spikebridge.errors import ConfigError
from spikebridge.runtime import cluster_settings, parallel
from spikebridge.runtime.same_software import CODE, differences, software

TLS = {"ca_file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
SLURM: dict[str, Any] = {"kind": "slurm", "n_workers": 20, "memory": "4GB"}


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ({"engine": "ray"}, r"compute.engine: expected 'local' or 'dask', got 'ray'"),
        ({"engine": "dask"}, "compute: engine: dask needs either scheduler .* or cluster, got neither"),
        ({"engine": "dask", "scheduler": "s.json", "cluster": SLURM}, "needs either scheduler .* or cluster, got both"),
        ({"scheduler": "http://here:1"}, r"compute.scheduler: expected an address such as tls://host:8786 .*file, got"),
        ({"scheduler": "tcp://here"}, r"compute.scheduler: expected an address such as tls://host:8786"),
        ({"engine": "dask", "scheduler": "tls://here:1"}, r"a scheduler at tls:// needs tls: {ca_file, cert, key}"),
        ({"tls": {"ca_file": "ca.pem", "cert": "c.pem"}}, "compute.tls.key is missing"),
        ({"cluster": {"kind": "slurm"}}, "compute.cluster: a cluster of kind slurm needs n_workers and memory"),
        ({"cluster": {"kind": "torque"}}, r"compute.cluster.kind: expected 'local', 'slurm', .*, got 'torque'"),
        ({"cluster": SLURM | {"memory": "4"}}, r"compute.cluster.memory: expected a number with its unit .*, got '4'"),
        ({"cluster": SLURM | {"walltime": "4h"}}, r"compute.cluster.walltime: expected hours:minutes:seconds .*'4h'"),
        ({"cluster": SLURM | {"qeue": "long"}}, r"unknown key compute.cluster.qeue, did you mean queue\?"),
        ({"wait_s": 0}, "compute.wait_s: expected more than 0, got 0"),
    ],
)
def test_wrong_settings_are_one_line(compute: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        small_config(compute=compute)
    assert "\n" not in str(caught.value)


def test_settings_of_an_engine_that_is_not_used_may_stay() -> None:
    """So that one word changes between a laptop and a cluster."""
    assert small_config(compute={"cluster": SLURM}).compute.engine == "local"
    dask = small_config(compute={"engine": "dask", "cluster": SLURM}).compute
    assert parallel.workers_for(dask, 3) is dask
    assert parallel.workers_for(dask.on_this_machine().model_copy(update={"workers": 2}), 3) == 2


@pytest.mark.parametrize(
    ("address", "more", "refused"),
    [
        ("tcp://127.0.0.1:8786", {}, ""),
        ("tcp://localhost:8786", {}, ""),
        ("tcp://[::1]:8786", {}, ""),
        ("tcp://10.0.0.5:8786", {}, "compute.tls: .*plain_tcp: true"),
        ("tcp://node1:8786", {}, "not encrypted"),
        ("tcp://node1:8786", {"plain_tcp": True}, ""),
        ("tcp://node1:8786", {"tls": TLS}, "not encrypted"),
        ("tls://node1:8786", {"tls": TLS}, ""),
    ],
)
@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_connection_beyond_this_machine_is_encrypted(
    tmp_path: Path, address: str, more: dict[str, Any], refused: str, in_a_file: bool
) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": address}))
    compute = ComputeConfig(engine="dask", scheduler=str(file) if in_a_file else address, **more)
    if refused:
        with pytest.raises(ConfigError, match=refused):
            cluster_settings.scheduler_address(compute)
    else:
        assert cluster_settings.scheduler_address(compute) == address


def test_a_file_with_an_encrypted_address_needs_certificates(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tls://node1:8786"}')
    with pytest.raises(ConfigError, match=r"compute.tls: the scheduler at tls://node1:8786 needs"):
        cluster_settings.scheduler_address(ComputeConfig(engine="dask", scheduler=str(file)))
    compute = ComputeConfig(engine="dask", scheduler=str(file), tls=TlsConfig(**TLS))
    assert cluster_settings.scheduler_address(compute) == "tls://node1:8786"


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_no_scheduler_file_is_one_line(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(
        ConfigError, match=r"compute.scheduler: expected an address, or a file .*s.json is no such file"
    ):
        cluster_settings.scheduler_address(ComputeConfig(engine="dask", scheduler=str(tmp_path / "s.json")))


@pytest.mark.parametrize(
    ("walltime", "lifetime", "stagger"),
    [("04:00:00", 4 * 3600 - 600, 300), ("00:10:00", 480, 60), ("100:00:00", 359_400, 300), ("00:00:10", 8, 1)],
)
def test_workers_end_before_their_walltime(walltime: str, lifetime: int, stagger: int) -> None:
    assert cluster_settings.lifetimes(walltime) == (lifetime, stagger)


@pytest.mark.parametrize(("kind", "account", "walltime"), [
    ("slurm", "account", "04:00:00"), ("pbs", "account", "04:00:00"), ("lsf", "project", "04:00"),
    ("sge", "project", "04:00:00"),
])  # fmt: skip
def test_every_batch_system_takes_the_options(
    tmp_path: Path, kind: Any, account: str, walltime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dask-jobqueue itself makes the script of a job."""
    dask_jobqueue = pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PYTHONPATH", "/code of here")
    cluster = ClusterConfig(
        kind=kind, n_workers=8, cores=4, memory="8GB", walltime="04:00:00", queue="short", account="lab",
        interface="lo", python="/shared/my python", directives=["--a-directive"], prologue=["module load gcc"],
    )  # fmt: skip
    options = cluster_settings.batch_options(cluster, tmp_path)
    assert (options[account], options["walltime"]) == ("lab", walltime)
    for name in ("security", "shared_temp_directory", "scheduler_options"):  # of the cluster, not of a job
        options.pop(name)
    job_class = getattr(dask_jobqueue, cluster_settings.CLASSES[kind]).job_cls
    script = job_class("tls://10.0.0.5:8786", name="worker", **options).job_script()
    for part in (
        "short", "lab", walltime, "--a-directive", "\nmodule load gcc\n", "\nexport PYTHONPATH='/code of here'\n",
        "\nexport DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=false\n", "'/shared/my python' -m distributed.cli.dask_w",
        "--nthreads 1", "--nworkers 4", "--lifetime 13800s", "--interface lo", "--protocol tls://",
    ):  # fmt: skip
        assert part in script


@pytest.mark.parametrize(
    ("text", "help_line"),
    [
        (
            "/slurmd/job00123/script: line 9: /opt/env/bin/python: No such file or directory",
            "compute.cluster.python",
        ),
        ("sh: 1: /opt/python3.11: not found", "do not have the Python"),
        ("/shared/python: No module named distributed", r"lacks spikebridge\[dask\]"),
        ("OSError: [Errno 113] No route to host", "compute.cluster.interface"),
        ("distributed.worker - INFO - Waiting to connect to: tls://10.0.0.5:8786", "compute.cluster.interface"),
        (
            "RuntimeError: Command exited with non-zero exit code.\nsbatch: error: invalid account",
            "queue, account, memory",
        ),
        ("distributed.worker - INFO - Registered to: tls://10.0.0.5:8786", "^$"),
    ],
)
def test_known_pitfalls_have_a_line_of_help(tmp_path: Path, text: str, help_line: str) -> None:
    (tmp_path / "dask-worker-1.out").write_text(f"first line\n{text}\nlast line\n")
    (tmp_path / "other").write_text("No route to host")
    line = cluster_settings.help_from(cluster_settings.log_texts(tmp_path))
    assert re.search(help_line, line)
    assert "\n" not in line


@pytest.mark.parametrize("missing", ["distributed", "dask_jobqueue"])
def test_a_missing_extra_is_one_line(missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    compute = ComputeConfig(engine="dask", cluster=ClusterConfig(**SLURM))
    with pytest.raises(
        ConfigError, match=rf"needs the package {missing}, which is not installed: pip install .*\[dask\]"
    ):
        parallel.run_jobs(len, [1], compute, print)


def test_the_software_of_two_processes_is_compared() -> None:
    here = software()
    assert {"numpy", "torch", "pandas", "optuna", "Python", CODE} <= set(here)
    assert not {"ruff", "spikebridge"} & set(here)
    assert differences(here, here) == []
    there = {**here, "numpy": "1.0"}
    del there["pandas"]
    assert set(differences(here, there)) == {
        f"numpy {here['numpy']} here, 1.0 there",
        f"pandas {here['pandas']} here, none there",
    }
