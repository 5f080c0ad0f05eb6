"""Stage register: log the results in MLflow, register the best model behind the gates."""

import json
from pathlib import Path

from spikebridge import config, tracking
from spikebridge.stage import check_inputs, output, stage_main


def run(_: list[str]) -> None:
    registration = tracking.publish(config.load(), logged=check_inputs)
    # Both are uncached: a version number restored from a cache would be stale, and wiping mlruns/ runs this stage again
    with output(Path("reports/registration.json")) as path:
        path.write_text(json.dumps(registration, indent=1), encoding="utf-8")
    with output(Path("mlruns/published.json")) as path:
        path.write_text(json.dumps({"fingerprint": registration["fingerprint"]}), encoding="utf-8")


if __name__ == "__main__":
    stage_main(run)
