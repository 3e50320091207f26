#!/usr/bin/env bash
# Installs Node-RED with its Home Assistant nodes into .peers/node-red (git-ignored): the ungoverned neighbour that
# benchmarks/homeassistant.py measures beside. Nothing else needs it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p .peers/node-red
npm install --prefix .peers/node-red --no-audit --no-fund --no-save --ignore-scripts \
    node-red@4.0.9 node-red-contrib-home-assistant-websocket@0.80.3
