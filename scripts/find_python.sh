#!/bin/sh
# Print the first Python that spikebridge can be installed with. PYTHON, where it is set, is the only one tried.
# Every candidate is run, not only found: a version manager's shim may exist without its Python.
set -u
check='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    if "$candidate" -c "$check" >/dev/null 2>&1; then
        printf '%s\n' "$candidate"
        exit 0
    fi
done

if [ -n "${PYTHON:-}" ]; then
    printf 'expected PYTHON to be a Python 3.11, 3.12 or 3.13 with venv and ensurepip, got PYTHON=%s (%s)\n' \
        "$PYTHON" "$("$PYTHON" --version 2>&1 | head -n 1)" >&2
else
    printf 'expected a Python 3.11, 3.12 or 3.13 with venv and ensurepip, found none among python3.13 .. python3.\n' >&2
    printf 'Install one (on Debian and Ubuntu with its -venv package), or name it: make PYTHON=/path/to/python3.12\n' >&2
fi
exit 1
