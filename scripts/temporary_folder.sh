#!/bin/sh
# Print where tests write: in memory where there is room (SQLite waits for a disk at each commit), else as usual.
set -eu
memory=/dev/shm
if [ -d "$memory" ] && [ -w "$memory" ] && [ "$(df -Pk "$memory" | awk 'NR == 2 {print $4}')" -ge 4194304 ]; then
    echo "$memory"
else
    echo "${TMPDIR:-/tmp}"
fi
