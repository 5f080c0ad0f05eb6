"""The stages of a sweep, as the dvc.yaml in its folder calls them: python -m spikebridge.sweep STAGE [KEY]."""

from __future__ import annotations

import sys

from spikebridge import config
from spikebridge.artifacts.sweep import INGESTED, PAIRS, PREPARED, RESULTS, WORK
from spikebridge.errors import ConfigError
from spikebridge.runtime.stage import output, say, stage_main


def run(words: list[str]) -> None:
    """Run one stage; heavy libraries are imported by the stages that need them."""
    stage, *keys = words or [""]
    settings = config.load("params.yaml")
    if stage == "ingest":
        from spikebridge.sweep.prepare import IngestRegionsSections, ingest_regions

        with output(INGESTED) as folder:
            ingest_regions(IngestRegionsSections.of(settings), folder, INGESTED, say)
    elif stage == "prepare":
        from spikebridge.sweep.prepare import PrepareSections, prepare

        with output(PREPARED) as folder:
            prepare(PrepareSections.of(settings), INGESTED, folder, say)
    elif stage == "pair" and len(keys) == 1:
        from spikebridge.sweep.pair import PairSections, fit_pair

        with output(PAIRS / keys[0]) as folder:
            fit_pair(PairSections.of(settings), PREPARED, keys[0], WORK / keys[0], folder)
    elif stage == "collect":
        from spikebridge.sweep.collect import collect
        from spikebridge.sweep.scores import CollectSections

        with output(RESULTS) as folder:
            collect(CollectSections.of(settings), PREPARED, PAIRS, folder)
    else:
        raise ConfigError(f"expected a stage: ingest, prepare, pair KEY or collect; got {' '.join(words) or 'none'}")


if __name__ == "__main__":
    stage_main(run, "@".join(sys.argv[1:]))
