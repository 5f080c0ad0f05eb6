#!/bin/sh
# Install Debian's Chromium with its driver, for the tests that read pages in a browser: they skip without it.
#   sh scripts/install_browser.sh           on a CI machine only (CI=true); one line where it does nothing
#   sh scripts/install_browser.sh --here    on this machine as well: `make browser`
# Silent where it succeeds or finds the browser. Exit code 1 where there is no browser at the end, with the reason.
set -u
LIMIT_S=300

none() {
    printf 'no browser, so the tests that read pages skip: %s\n' "$1" >&2
    exit 1
}

# The names that tests/support/browser.py tries.
present() {
    command -v chromedriver >/dev/null 2>&1 || return 1
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    return 1
}

present && exit 0
[ "${CI:-}" = true ] || [ "${1:-}" = --here ] || none 'this is no CI machine (CI=true), and `make browser` installs it'
command -v apt-get >/dev/null 2>&1 || none 'apt-get is not here; install Chromium and chromedriver by hand'
[ "$(id -u)" = 0 ] || none 'apt-get needs root; run `make browser` as root'

log=$(mktemp) || none 'no temporary file can be written'
trap 'rm -f "$log"' EXIT
apt() {
    DEBIAN_FRONTEND=noninteractive timeout "$LIMIT_S" apt-get -qq -y -o DPkg::Lock::Timeout=120 "$@" \
        </dev/null >"$log" 2>&1 || none "apt-get $1: $(grep -v '^$' "$log" | tail -n 1)"
}
apt update
apt install --no-install-recommends chromium chromium-driver
present || none 'the packages chromium and chromium-driver brought no command of these names'
