#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# snakemake.sh DIR makes a virtual environment of Python with Debian's Snakemake in DIR. The packages are unpacked, not installed:
# one that Snakemake depends on and does not use here has half a gigabyte of another cloud's clients. What it needs beside them
# comes with Debian's awscli, which the tests install.
set -euo pipefail

packages=(snakemake appdirs attr configargparse connection-pool datrie decorator git gitdb humanfriendly jinja2 jsonschema
	markupsafe nbformat psutil pulp py pyrsistent ratelimiter retry smart-open smmap stopit tabulate throttler toposort traitlets wrapt)
packages=("${packages[@]/#/python3-}")
packages[0]=snakemake

dir=$(realpath -m "$1")
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
cd "$unpacked"
download() { apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download "${packages[@]}"; }
download 2>/dev/null || { apt-get -qq update && download; }
for package in *.deb; do
	dpkg-deb -x "$package" .
done

/usr/bin/python3 -m venv --without-pip --system-site-packages "$dir"
cp -r usr/lib/python3/dist-packages/. "$dir"/lib/python3*/site-packages/
sed "1s|.*|#!$dir/bin/python3|" usr/bin/snakemake >"$dir/bin/snakemake"
chmod +x "$dir/bin/snakemake"
