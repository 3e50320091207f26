#!/usr/bin/env bash
# Installs Home Assistant 2024.3.3, the newest for Python 3.11, and the independent client homeassistant-api, each into a
# venv of its own under .peers/homeassistant (git-ignored), or under $PEERS_DIR/homeassistant. About 40 s and 700 MB; a
# second run finds them there. Where they cannot be had it says why and ends well: the tests that need them are skipped.
# The client is GPL-3, and what it brings runs code at every start of the Python that it is installed in: hence its venv.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=2024.3.3
folder=${PEERS_DIR:-.peers}/homeassistant
skip() { echo "no Home Assistant here, its peer tests are skipped: $1"; exit 0; }

mkdir -p "$folder"
cd "$folder"
[ "$(cat installed 2>/dev/null)" = "$version" ] && [ -x venv/bin/hass ] && [ -d observer ] && exit 0
python=${PEERS_PYTHON:-python3.11}
command -v "$python" >/dev/null || skip "it needs $python"
rm -rf venv
"$python" -m venv venv || skip "$python cannot make a venv"
pip() { venv/bin/pip --disable-pip-version-check "$@"; }
pip download -q --no-deps -d wheel "homeassistant==$version" || skip "its wheel cannot be downloaded"
venv/bin/python - wheel/homeassistant-"$version"-*.whl >constraints.txt <<'EOF'
import sys, zipfile
sys.stdout.write(zipfile.ZipFile(sys.argv[1]).read("homeassistant/package_constraints.txt").decode())
EOF
# It is started with --skip-pip, so what the enabled integrations need is installed here; josepy 2 breaks its requests.
PIP_CONSTRAINT= pip install -q -c constraints.txt "homeassistant==$version" 'josepy<2' setuptools home-assistant-frontend \
    hassil home-assistant-intents Pillow janus SQLAlchemy fnv-hash-fast psutil-home-assistant securetar ha-ffmpeg mutagen \
    PyTurboJPEG numpy aiohttp || skip "its requirements cannot be installed"
rm -rf observer
"$python" -m venv observer
observer/bin/pip --disable-pip-version-check install -q homeassistant-api==6.1.0 ||
    echo "no homeassistant-api here, the tests that it observes are skipped"
echo "$version" >installed
