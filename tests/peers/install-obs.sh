#!/usr/bin/env bash
# Installs OBS Studio with obs-websocket, a display that nobody sees, and nginx with its RTMP module as a sink for streams.
# By apt, as root; about 600 MB.
set -euo pipefail
packages=()
command -v obs >/dev/null || packages+=(obs-studio obs-plugins)
command -v Xvfb >/dev/null || packages+=(xvfb)
if ! command -v nginx >/dev/null || [ ! -e /usr/lib/nginx/modules/ngx_rtmp_module.so ]; then
    packages+=(nginx libnginx-mod-rtmp)
fi
[ ${#packages[@]} -eq 0 ] && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# nginx is run by the tests alone: it need not be started, and a machine that has none of it need not start it either
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}"
