#!/bin/sh
# What the service mlflow of compose.yaml does: the bucket, the schema of the database, then the server.
# The password comes from a file; it is in the environment of this process alone, not in that of the container.
set -eu
PGPASSWORD=$(cat "$DATABASE_PASSWORD_FILE")
export PGPASSWORD
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true
python scripts/lab_bucket.py "$MLFLOW_ARTIFACTS_DESTINATION"
mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"
exec mlflow server --host "${MLFLOW_HOST:-0.0.0.0}" --port "$MLFLOW_PORT" --workers 2
