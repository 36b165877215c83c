# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
# shellcheck shell=sh disable=SC2034 # sourced: its readers use the lists
#
# What Gemel is built and tested with, as Debian 12 names it; read by tests/run.sh and data/demo.sh.
GEMEL_BUILD_PACKAGES="gcc libc6-dev meson ninja-build pkg-config libglib2.0-dev libglib2.0-bin
  libjson-glib-dev libsqlite3-dev libgnutls28-dev glib-networking dbus-daemon dbus python3"
GEMEL_TEST_PACKAGES="clang libclang-rt-14-dev clang-format libxml2-utils python3-gi sqlite3 systemd
  shellcheck spin cpp openssl polkitd"
GEMEL_LAB_PACKAGES="systemd-container mmdebstrap iproute2"

# gemel_install_packages NAME...: with apt, only what is missing; says what to do when it may not.
gemel_install_packages ()
{
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || { echo "these packages are missing:$missing" >&2; return 1; }
  as_root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "as root: apt-get install$missing" >&2; return 1; }
    as_root=sudo
  fi
  echo "installing$missing"
  $as_root apt-get update -qq >/dev/null 2>&1
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing \
    >/dev/null 2>&1 ||
    { echo "installing failed; as root: apt-get install$missing" >&2; return 1; }
}
