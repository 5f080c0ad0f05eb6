"""Stage register: log the results in MLflow, register the best model behind the gates."""

from spikebridge import config, tracking
from spikebridge.runtime.stage import check_inputs, stage_main


def run(_: list[str]) -> None:
    # It writes reports/registration.json and mlruns/published.json. Both are uncached: a version number restored from a
    # cache would be stale, and wiping mlruns/ runs this stage again
    tracking.publish(config.load(), logged=check_inputs)


if __name__ == "__main__":
    stage_main(run)
