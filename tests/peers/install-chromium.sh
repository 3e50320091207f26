#!/usr/bin/env bash
# Installs Debian's Chromium, in which the console is tested. Where it cannot be had it says why and ends well: the
# tests that need it are skipped.
set -euo pipefail
skip() { echo "no Chromium here, the console's browser tests are skipped: $1"; exit 0; }

command -v chromium >/dev/null && exit 0
command -v apt-get >/dev/null || skip "it needs apt-get"
[ "$(id -u)" = 0 ] || skip "it needs root"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || skip "the package lists cannot be had"
apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || skip "it cannot be installed"
