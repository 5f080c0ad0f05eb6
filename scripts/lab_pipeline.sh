#!/bin/sh
# What the service pipeline of compose.yaml does: the pipeline, logged in the store of the lab, and its results.
set -eu
spikebridge repair
dvc repro </dev/null
spikebridge results
