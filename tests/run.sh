#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
#
# Installs what is missing, builds with warnings as errors, runs all tests.
#
#   sh tests/run.sh            everything that CI runs
#   sh tests/run.sh --quick    gcc build and its tests, without sanitizers and the second compiler
#   sh tests/run.sh --slow     also the soaks that take minutes
#   sh tests/run.sh --lab      only the lab: two machines with systemd on this one (root, a minute)
#
# The last line is "N passed, N failed, N skipped"; each skip is printed with its reason.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here" || exit 1
quick=no slow=false lab=no
for argument in "$@"; do
  case $argument in
    --quick) quick=yes ;;
    --slow) slow=true ;;
    --lab) lab=yes ;;
    *) echo "unknown argument $argument; see the head of tests/run.sh" >&2; exit 64 ;;
  esac
done

# shellcheck source=data/packages.sh
. data/packages.sh
# shellcheck disable=SC2086 # lists of words
gemel_install_packages $GEMEL_BUILD_PACKAGES $GEMEL_TEST_PACKAGES || exit 1

if [ $lab = yes ]; then
  # shellcheck disable=SC2086 # a list of words
  gemel_install_packages $GEMEL_LAB_PACKAGES || exit 1
  exec sh tests/lab/lab.sh run
fi

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0 skipped=0

# run NAME FOLDER MESON-OPTIONS...: configures, builds and tests one kind of build, and counts.
run ()
{
  name=$1 folder=$2
  shift 2
  echo "== $name"
  if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" -Dwerror=true "-Dslow_tests=$slow" "$@" >"$log/setup" 2>&1 ||
      { cat "$log/setup"; failed=$((failed + 1)); return; }
  fi
  if ! ninja -C "$folder" >"$log/build" 2>&1; then
    grep -E 'error|warning|FAILED' "$log/build" | head -40
    echo "the build failed"
    failed=$((failed + 1))
    return
  fi
  meson test -C "$folder" --no-rebuild --print-errorlogs >"$log/test" 2>&1
  grep -E '^ *[0-9]+/[0-9]+ ' "$log/test" | grep -vE ' OK ' || true
  sed -n '/^Summary of Failures/,$p' "$log/test" | head -20
  python3 tests/tidy/count.py "$folder/meson-logs/testlog.json" >"$log/count" ||
    { failed=$((failed + 1)); return; }
  sed '$d' "$log/count"
  read -r p f s <<COUNTS
$(tail -n 1 "$log/count")
COUNTS
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

run "gcc, warnings are errors" build-test
if [ $quick = no ]; then
  run "address and undefined-behaviour sanitizers" build-asan \
    -Db_sanitize=address,undefined -Db_lundef=false
  CC=clang run "clang, warnings are errors" build-clang
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
