"""Sections of params.yaml about fits and results: baseline, tuning, analyses, statistics, tracking and the machine."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, field_validator, model_validator

from spikebridge.config.base import Auto, Positive, Section
from spikebridge.errors.validation_errors import SecretValueError

MAX_STATES = 8
"""Pairs of states grow with the square of their number, and so does the correction of their tests."""


class BaselineConfig(Section):
    """What is said of the target without the source, the same for every translator; see spikebridge.baseline.

    Parameters
    ----------
    psth : bool or "auto"
        the mean course over the trials of a recording; auto: where it predicts held-out blocks better than the mean
    drift : bool or "auto"
        slow changes of each unit's rate; auto: where they predict held-out blocks better than the mean
    """

    psth: StrictBool | Auto = "auto"
    drift: StrictBool | Auto = "auto"


class TuneConfig(Section):
    """The search for settings inside each outer fold.

    Parameters
    ----------
    n_trials : int
        Optuna trials of an outer fold
    n_startup_trials : int
        random trials before the sampler models the results
    max_epochs : int, optional
        most epochs of a fit while tuning; null: trials fit as long as the final fit
    """

    n_trials: int = Field(10, ge=1)
    n_startup_trials: int = Field(5, ge=1)
    max_epochs: int | None = Field(None, ge=1)


class StateConfig(Section):
    """Times that belong to a state: in intervals of a table, or where a condition on behaviour holds; with both, where
    both hold. See spikebridge.preprocess.states.

    Parameters
    ----------
    intervals : str, optional
        name of an interval table of the recordings
    rows : str, optional
        expression over the columns of that table; rows for which it holds are used
    where : str, optional
        expression over behaviour series
    """

    intervals: str | None = None
    rows: str | None = None
    where: str | None = None

    @model_validator(mode="after")
    def _has_times(self) -> StateConfig:
        if self.intervals is None and self.where is None:
            raise ValueError("expected intervals (a table), where (a condition on behaviour series), or both")
        if self.rows is not None and self.intervals is None:
            raise ValueError("rows chooses rows of the table of intervals; expected intervals as well")
        return self


class AnalysisConfig(Section):
    """Analyses of the latents of the tuned translator; see spikebridge.latent_analysis, one file an analysis.

    Parameters
    ----------
    model : str
        the translator
    n_folds : int
        outer folds that are refitted, the first ones
    n_members : int
        networks of a fit
    max_epochs : int
        most epochs of a fit
    halves : list of str
        regions whose units the analysis consistency divides in two
    analyses : list of str
        which analyses are run
    states : dict, optional
        name of a state -> its times; a single one is compared with all other times. See spikebridge.evaluation.states
    """

    model: Literal["seq2seq"] = "seq2seq"
    n_folds: int = Field(2, ge=1)
    n_members: int = Field(1, ge=1)
    max_epochs: int = Field(8, ge=1)
    halves: list[Literal["source", "target"]] = Field(["source"])
    analyses: list[
        Literal["direction", "consistency", "held_out_units", "attribution", "optimism", "ablation", "alignment"]
    ] = ["direction", "consistency", "held_out_units", "attribution", "optimism", "ablation", "alignment"]
    states: dict[str, StateConfig] | None = None

    @field_validator("states", mode="before")
    @classmethod
    def _named(cls, states: Any) -> Any:
        """Names may be written as numbers; true, false, on and off are different things to different YAML readers."""
        if not isinstance(states, dict):
            return states
        for name in states:
            if isinstance(name, bool) or not isinstance(name, (str, int, float)):
                raise ValueError(f"put the names of states in quotes; YAML reads one as {name!r}")
            if not str(name) or str(name) != str(name).strip() or len(str(name)) > 40:
                raise ValueError(f"expected names of states of 1 to 40 characters without blanks around, got {name!r}")
        if not 1 <= len(states) <= MAX_STATES:
            raise ValueError(f"expected 1 to {MAX_STATES} states, or null for none, got {len(states)}")
        return {str(name): times for name, times in states.items()}


class NestedModelsConfig(Section):
    """Nested models; see spikebridge.nested_models. Columns are of trials.covariates, or behaviour series.

    Parameters
    ----------
    task_columns : list of str, optional
        columns of the step task_variables; null: trials.covariates
    confounds : list of str
        columns beyond which source and latents must predict
    confound_control : str
        residualise: regress the confounds out; match: weight trials so that confounds are balanced
    """

    task_columns: list[str] | None = Field(
        None, description="columns of the step task_variables; null = trials.covariates"
    )
    confounds: list[str] = Field([])
    confound_control: Literal["residualise", "match"] = Field(
        "residualise", description="what is done with the confounds"
    )


class SweepConfig(Section):
    """The command `spikebridge sweep`: every ordered pair of regions; see spikebridge.sweep.

    Parameters
    ----------
    regions : list or dict, optional
        regions of the sweep, or name of a group -> its regions; null: all that the recordings name
    min_units : int
        least units of a region in a recording, after the filters of `quality`
    min_recordings : int
        least recordings in which both regions have so many units
    model : str
        the translator, one of `models`
    """

    regions: list[str] | dict[str, list[str]] | None = Field(
        None, description="a list, or name of a group -> its regions; null: all that the recordings name"
    )
    min_units: int = Field(10, ge=1)
    min_recordings: int = Field(1, ge=1)
    model: str = "poisson_glm"

    @field_validator("regions")
    @classmethod
    def _two_or_more(cls, regions: list[str] | dict[str, list[str]] | None) -> list[str] | dict[str, list[str]] | None:
        if regions is not None and len(set(regions)) < 2:
            raise ValueError(f"expected two or more regions, or null for all, got {', '.join(regions) or 'none'}")
        if isinstance(regions, dict) and (empty := [name for name, names in regions.items() if not names]):
            raise ValueError(f"expected the regions of each group, found none of {', '.join(empty)}")
        return regions


class StatisticsConfig(Section):
    """Tests and intervals.

    Parameters
    ----------
    alpha : float
        level of the tests; intervals cover 1 - alpha
    n_resamples : int
        draws of a bootstrap or of random signs
    cluster : str
        what is drawn as a whole: recordings, blocks, animals, or blocks nested in recordings
    equivalence_margin : float
        difference in balanced accuracy that does not matter
    condition : str, optional
        column whose mean course the null condition_shuffle keeps; null: the label
    """

    alpha: float = Field(0.05, gt=0, lt=1)
    n_resamples: int = Field(10000, ge=100)
    cluster: Literal["auto", "recording", "block", "animal", "nested"] = "auto"
    equivalence_margin: float = Field(0.05, gt=0, lt=1)
    condition: str | None = None


def _model_name(name: str) -> str:
    if not name.strip() or name != name.strip() or len(name) > 200 or any(c in "/:@'\"" or ord(c) < 32 for c in name):
        raise ValueError(f"expected a name of at most 200 characters without / : @ and quotes, got {name[:80]!r}")
    return name


def _no_password(uri: str) -> str:
    secret = r"^[\w.+-]+://[^:/?#@]*:.*@|[?&][^=&]*(password|passwd|secret|token)[^=&]*="
    if re.search(secret, uri, flags=re.IGNORECASE):
        raise SecretValueError(
            "expected an address without a password, because Git keeps this file: put the password into ~/.pgpass, or "
            "the whole address into MLFLOW_TRACKING_URI"
        )
    return uri


class TrackingConfig(Section):
    """Where results are logged in MLflow.

    Parameters
    ----------
    experiment : str
        name of the experiment
    registered_model : str
        name of the model in the registry
    uri : str, optional
        tracking server or PostgreSQL database, without a password; null: SQLite in mlruns/, or MLFLOW_TRACKING_URI
    artifact_location : str, optional
        folder for the files of a new experiment in a database, such as s3://bucket/folder; null: of the server, in
        MLFLOW_DEFAULT_ARTIFACT_ROOT, or in mlruns/
    """

    experiment: str = "spikebridge"
    registered_model: Annotated[str, AfterValidator(_model_name)] = "spikebridge"
    uri: Annotated[str, AfterValidator(_no_password)] | None = None
    artifact_location: Annotated[str, AfterValidator(_no_password)] | None = None


class TlsConfig(Section):
    """Files of an encrypted connection to a scheduler, in PEM format; see docs/cluster.md.

    Parameters
    ----------
    ca_file : str
        certificate of the authority that signed those of scheduler and workers
    cert : str
        certificate of this client
    key : str
        its private key
    """

    ca_file: str
    cert: str
    key: str


def _memory(text: str) -> str:
    return _written(text, r"\d+(\.\d+)? ?[kMGT]i?B", "a number with its unit such as 8GB")


def _walltime(text: str) -> str:
    return _written(text, r"\d+:[0-5]\d:[0-5]\d", "hours:minutes:seconds such as 04:00:00")


def _scheduler(text: str) -> str:
    wanted = "an address such as tls://host:8786 or tcp://host:8786, or the path of a scheduler file"
    return _written(text, r"(tcp|tls)://(\[[\da-f:]+\]|[^\s/:\[\]]+):\d+|(?!\w+://)\S.*", wanted)


def _written(text: str, pattern: str, wanted: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"expected {wanted}")
    return text


class ClusterConfig(Section):
    """Dask workers that a stage starts and ends itself: on this machine, or as jobs of a batch system.

    Parameters
    ----------
    kind : str
        local, slurm, pbs, lsf or sge
    n_workers : int, optional
        workers, each with one thread; null: of `local` as many as compute.workers
    cores : int
        cores of a batch job, each a worker
    memory : str, optional
        memory of a batch job, such as 8GB
    walltime : str
        time of a batch job, hours:minutes:seconds; a worker ends some minutes before, and another one replaces it
    queue : str, optional
        queue or partition; null: the default of the site
    account : str, optional
        account or project that pays
    interface : str, optional
        network that nodes share, such as ib0
    python : str, optional
        Python of the workers, on a path that nodes share; null: the one that runs the stage
    directives : list of str
        further options of the batch system, such as "--qos=long"
    prologue : list of str
        shell commands before a worker starts, such as "module load gcc"
    """

    kind: Literal["local", "slurm", "pbs", "lsf", "sge"]
    n_workers: int | None = Field(None, ge=1)
    cores: int = Field(1, ge=1)
    memory: Annotated[str, AfterValidator(_memory)] | None = None
    walltime: Annotated[str, AfterValidator(_walltime)] = "01:00:00"
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    python: str | None = None
    directives: list[str] = Field([])
    prologue: list[str] = Field([])

    @model_validator(mode="after")
    def _complete(self) -> ClusterConfig:
        missing = [name for name in ("n_workers", "memory") if getattr(self, name) is None]
        if self.kind != "local" and missing:
            raise ValueError(f"a cluster of kind {self.kind} needs {' and '.join(missing)}")
        return self


class ComputeConfig(Section):
    """Where stages run their jobs. No result depends on it but for `device`.

    Parameters
    ----------
    workers : int or "auto"
        processes that work at a time on this machine
    device : str
        cpu, cuda, mps or auto
    engine : str
        local: processes of this machine; dask: workers of a scheduler or a cluster, with the extra spikebridge[dask]
    scheduler : str, optional
        of dask: address of a running scheduler, tls://host:port or tcp://host:port, or its scheduler file
    tls : dict, optional
        of dask: the files of an encrypted connection to the scheduler
    plain_tcp : bool
        of dask: allow a connection without encryption beyond this machine, where whoever reaches the scheduler can run
        programs as you
    cluster : dict, optional
        of dask: workers that the stage starts itself, in the place of `scheduler`
    wait_s : float
        of dask: how long to wait while there is no worker
    """

    workers: Annotated[int, Field(ge=1)] | Auto = "auto"
    device: str = "auto"
    engine: Literal["local", "dask"] = "local"
    scheduler: Annotated[str, AfterValidator(_scheduler)] | None = None
    tls: TlsConfig | None = None
    plain_tcp: StrictBool = False
    cluster: ClusterConfig | None = None
    wait_s: Positive = 600.0

    @model_validator(mode="after")
    def _one_place(self) -> ComputeConfig:
        if self.engine == "dask" and (self.scheduler is None) == (self.cluster is None):
            got = "neither" if self.scheduler is None else "both"
            raise ValueError(f"engine: dask needs either scheduler (an address or a file) or cluster, got {got}")
        if self.scheduler is not None and self.scheduler.startswith("tls://") and self.tls is None:
            raise ValueError("a scheduler at tls:// needs tls: {ca_file, cert, key}")
        return self

    def on_this_machine(self) -> ComputeConfig:
        """The same with the engine local, for files that other machines do not see.

        Returns
        -------
        ComputeConfig
            Equal to this one where it is local.
        """
        return self.model_copy(update={"engine": "local"})
