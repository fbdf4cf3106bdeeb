#!/bin/sh
# The quick part of the suite against the built wheel, in an environment of its own and with no sources beside it.
# $1 is the lock file to install first, what follows goes to pytest; BIN is the bin directory of the environment that
# builds the wheel.
set -eu
lock=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"$BIN/python" -m build --no-isolation --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$BIN/python" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --disable-pip-version-check install --quiet"
$pip --require-hashes -r "$lock"
$pip --no-deps "$work"/dist/*.whl
mkdir "$work/away"
cp -r tests pyproject.toml "$work/away/"
cd "$work/away"
"$work/venv/bin/python" -c 'import floodmark_caches, floodmark_sidecar, floodmark_soak
for package in (floodmark_caches, floodmark_sidecar, floodmark_soak):
    assert "site-packages" in package.__file__, package.__file__'
"$work/venv/bin/python" -m pytest -n 2 -m 'not slow' -q "$@"
