"""All unfinished jobs of the pipeline at once: `spikebridge fan-out` and `spikebridge work`.

Stages list their jobs (`stages`). Each job runs by itself and stores its result (`one_job`) under the fingerprint of
all that it depends on (runtime.job_store), on this machine or on Dask workers (`together`), or as a job array of SLURM
(`slurm`). `dvc repro` then collects the stored results.
"""

from spikebridge.fan_out.manifest import work
from spikebridge.fan_out.run import FanOut
from spikebridge.fan_out.slurm import write_arrays

__all__ = ["FanOut", "work", "write_arrays"]
