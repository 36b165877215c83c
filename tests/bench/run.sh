#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
# Measures everything and prints tables: parts by themselves, a running pair, and others beside it
# where they are installed (apt-get install keepalived redis-server; keepalived also needs root).
#
#   sh tests/bench/run.sh [--quick]    --quick: few runs, 10 s idle; numbers only to look at
#
# Builds in build-bench: optimised, asserts on as in every release.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
cd "$here" || exit 1
runs=20 silent=5 idle=60 seconds=5 peers=5
case ${1:-} in
  '') ;;
  --quick) runs=5 silent=2 idle=10 seconds=2 peers=2 ;;
  *) echo "unknown argument $1; see the head of tests/bench/run.sh" >&2; exit 64 ;;
esac

if [ ! -f build-bench/build.ninja ]; then
  meson setup build-bench --buildtype=release >/dev/null || exit 1
fi
ninja -C build-bench >/dev/null || exit 1
GEMEL_BUILD=$here/build-bench
export GEMEL_BUILD
python=/usr/bin/python3
[ -x $python ] || python=python3

echo "machine: $(nproc) processors, $(uname -sr), load $(cut -d' ' -f1-3 /proc/loadavg)"
echo "disk: $(df --output=fstype,source "${TMPDIR:-/tmp}" | tail -n 1)"
failed=0
$python tests/bench/takeover.py --runs $runs --silent $silent --idle $idle --seconds $seconds ||
  failed=1
$python tests/bench/peers.py --runs $peers --seconds $seconds || failed=1
for part in store sync history; do
  echo
  echo "bench-$part"
  "build-bench/tests/$part/bench-$part" || failed=1
done
exit $failed
