# What the peers' scripts share. `$1` is what to do: `install`, `version`, or `start`.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

# Installs packages of the distribution; no service may start by itself.
packages() {
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    apt-get install -y --no-install-recommends "$@" || {
        apt-get update
        apt-get install -y --no-install-recommends "$@"
    }
}

versions() {
    # shellcheck disable=SC2016
    dpkg-query -W -f '${Package} ${Version}\n' "$@" | paste -s -d ' '
}
