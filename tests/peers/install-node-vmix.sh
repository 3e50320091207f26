#!/bin/sh
# Installs the client that drives the simulated vMix in test_vmix_node.py into .peers/node-vmix (git-ignored).
set -eu
cd "$(dirname "$0")/../.."
mkdir -p .peers/node-vmix
npm install --prefix .peers/node-vmix --no-audit --no-fund --no-save --ignore-scripts node-vmix@1.7.1
