#!/bin/sh
# What the container does: the pipeline (nothing where the volumes hold its results already), then the MLflow UI.
# `spikebridge ui` serves this machine only. A container is reached from outside, so MLflow is started here on all of its
# interfaces, with its check of Host headers on; `docker run -p 127.0.0.1:5000:5000` keeps it to the machine.
set -eu
spikebridge repair
dvc repro </dev/null
spikebridge results
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
exec mlflow server --backend-store-uri "sqlite:///$(pwd)/mlruns/mlflow.db" --host 0.0.0.0 --port 5000 --workers 1
