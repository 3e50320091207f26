#!/bin/sh
# Installs the tool that builds the JavaScript guests of tests/guests into .peers/componentize-qjs (git-ignored, 38 MB).
set -eu
cd "$(dirname "$0")/../.."
mkdir -p .peers/componentize-qjs
npm install --prefix .peers/componentize-qjs --no-audit --no-fund --no-save --ignore-scripts componentize-qjs@0.4.5
