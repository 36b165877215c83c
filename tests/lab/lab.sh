#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
#
# Two machines on this one: systemd-nspawn boots node-a and node-b from one Debian image, each in a
# network namespace of its own; a bridge in a third one joins them. Needs root. What runs on this
# machine, its addresses and its services are not touched.
#
#   sh tests/lab/lab.sh [--dir DIR] [--build DIR] COMMAND
#     up                  image, network, Gemel, both nodes booted; leaves them running
#     run                 up, the scenario of test_lab.sh (TAP), down
#     down                ends what up started, by id; keeps the image for the next time
#     enter NODE COMMAND  runs a command inside a node
#     boot NODE, power-off NODE   the latter as a power cut: nothing is told, the disk stays
#     cut NODE, heal NODE         the node's port of the bridge
#     pause NODE, resume NODE     SIGSTOP and SIGCONT for all processes of the node
#     leader NODE         the process id of its PID 1 on this machine
#
# --dir: everything is made there (default $TMPDIR or /tmp, gemel-lab). --build: a build folder with
# prefix /usr; without it a release build is made below --dir.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
lab=${TMPDIR:-/tmp}/gemel-lab build=
PACKAGES=systemd,systemd-sysv,dbus,polkitd,iproute2,procps,glib-networking,libglib2.0-0
PACKAGES=$PACKAGES,libglib2.0-bin,libjson-glib-1.0-0,libsqlite3-0,libgnutls30,sqlite3
NODES='node-a node-b'
PATIENCE_S=60

die ()
{
  echo "lab: $1" >&2
  exit 1
}

# wait_for WHAT COMMAND...: until the command succeeds, at most PATIENCE_S.
wait_for ()
{
  what=$1 give_up=$(($(date +%s) + PATIENCE_S))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$give_up" ] || die "waited $PATIENCE_S s in vain: $what"
    sleep 0.1
  done
}

# A process is ours only when it still is what was started: ids are used again.
is_nspawn ()
{
  [ -n "$1" ] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "-D $lab/"
}

nspawn_of () { cat "$lab/$1.pid" 2>/dev/null; }

# leader_of NODE: the child of its systemd-nspawn that is PID 1 in the node.
leader_of ()
{
  parent=$(nspawn_of "$1")
  is_nspawn "$parent" || return 1
  children=$(cat "/proc/$parent/task/$parent/children") || return 1
  for child in $children; do
    if grep -qE '^NSpid:.*[[:space:]]1$' "/proc/$child/status" 2>/dev/null; then
      echo "$child"
      return 0
    fi
  done
  return 1
}

has_leader () { leader_of "$1" >/dev/null; }
has_leader_or_ended () { has_leader "$1" || [ ! -d "/proc/$2" ]; }

enter ()
{
  leader=$(leader_of "$1") || die "$1 does not run"
  shift
  # Its own environment, not that of this machine.
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TERM=dumb \
    nsenter -t "$leader" -m -u -i -n -p -C -- "$@"
}

is_up () { enter "$1" systemctl is-system-running 2>/dev/null | grep -qE '^(running|degraded)'; }

# fail_with LOG REASON: the end of the log, then the reason.
fail_with ()
{
  tail -n 20 "$1" >&2
  die "$2; see $1"
}

make_image ()
{
  [ ! -f "$lab/image.ready" ] || return 0
  rm -rf --one-file-system "$lab/image"
  mmdebstrap --quiet --variant=minbase "--include=$PACKAGES" bookworm "$lab/image" \
    >"$lab/image.log" 2>&1 || fail_with "$lab/image.log" "the image cannot be made"
  : >"$lab/image/etc/machine-id"
  mkdir -p "$lab/image/var/log/journal"
  # What a person would not have on a server of two programs, and what the lab has no use for.
  for unit in systemd-resolved systemd-networkd systemd-timesyncd getty@tty1 console-getty; do
    ln -sf /dev/null "$lab/image/etc/systemd/system/$unit.service"
  done
  : >"$lab/image.ready"
}

make_build ()
{
  [ -z "$build" ] || return 0
  build=$lab/build
  if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$here" --prefix=/usr --sysconfdir=/etc --localstatedir=/var \
      --buildtype=release >"$lab/build.log" 2>&1 || fail_with "$lab/build.log" "meson setup"
  fi
  ninja -C "$build" >"$lab/build.log" 2>&1 || fail_with "$lab/build.log" "the build failed"
}

# make_node NODE ROLE: a fresh disk with Gemel as meson installs it.
make_node ()
{
  rm -rf --one-file-system "${lab:?}/$1"
  cp -a --reflink=auto "$lab/image" "$lab/$1" || die "copying the image"
  echo "$1" >"$lab/$1/etc/hostname"
  DESTDIR="$lab/$1" meson install -C "$build" --no-rebuild >"$lab/$1.install.log" 2>&1 ||
    fail_with "$lab/$1.install.log" "meson install"
  mkdir -p "$lab/$1/etc/gemel"
  cat >"$lab/$1/etc/gemel/gemel.conf" <<CONF
[node]
role=$2
[failover]
recovery-delay-ms=1000
startup-allowance-ms=8000
CONF
  # Where root may not raise limits (in many containers), the unit's own cannot count either.
  if ! prlimit --memlock=unlimited:unlimited --rtprio=10:10 true 2>/dev/null; then
    mkdir -p "$lab/$1/etc/systemd/system/gemeld.service.d"
    cat >"$lab/$1/etc/systemd/system/gemeld.service.d/lab.conf" <<CONF
[Service]
AmbientCapabilities=CAP_SYS_NICE CAP_IPC_LOCK
CapabilityBoundingSet=CAP_SYS_NICE CAP_IPC_LOCK
CONF
  fi
}

# Each node needs a control group of its own, or its systemd finds processes that it cannot see.
list_cgroups ()
{
  for base in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -f "$base/cgroup.procs" ] || echo "$base/$(cat "$lab/prefix")-$1"
  done
}

enter_cgroups ()
{
  for cgroup in $(list_cgroups "$1"); do
    mkdir -p "$cgroup" && echo 0 >"$cgroup/cgroup.procs" || exit 1
  done
}

remove_cgroups ()
{
  for cgroup in $(list_cgroups "$1"); do
    [ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
  done
}

# connect_node NODE ADDRESS: a namespace with one interface, its other end on the bridge.
connect_node ()
{
  ip netns add "$prefix-$1" &&
    ip -n "$prefix-switch" link add "$1" type veth peer name lab0 netns "$prefix-$1" &&
    ip -n "$prefix-switch" link set "$1" master sw up &&
    ip -n "$prefix-$1" address add "$2" dev lab0 &&
    ip -n "$prefix-$1" link set lo up &&
    ip -n "$prefix-$1" link set lab0 up
}

make_network ()
{
  prefix=gemel-lab-$$
  echo "$prefix" >"$lab/prefix"
  ip netns add "$prefix-switch" || die "cannot make network namespaces"
  ip -n "$prefix-switch" link add sw type bridge || die "the bridge"
  ip -n "$prefix-switch" link set sw up
  host=1
  for node in $NODES; do
    connect_node "$node" "10.77.0.$host/24" || die "the network of $node cannot be made"
    host=$((host + 1))
  done
}

boot ()
{
  ! has_leader "$1" || die "$1 runs already"
  (
    enter_cgroups "$1"
    exec setsid systemd-nspawn -q -D "$lab/$1" --register=no --keep-unit -M "$1" --console=pipe \
      --capability=CAP_IPC_LOCK,CAP_SYS_NICE --rlimit=MEMLOCK=infinity --rlimit=RTPRIO=99 \
      "--network-namespace-path=/run/netns/$(cat "$lab/prefix")-$1" -b
  ) </dev/null >>"$lab/$1.console" 2>&1 &
  echo $! >"$lab/$1.pid"
  nspawn=$!
  wait_for "$1 has a PID 1, or its systemd-nspawn ended" has_leader_or_ended "$1" "$nspawn"
  has_leader "$1" || { tail -n 3 "$lab/$1.console" >&2; die "$1 does not boot"; }
}

power_off ()
{
  nspawn=$(nspawn_of "$1")
  leader=$(leader_of "$1") || die "$1 does not run"
  kill -KILL "$leader"
  wait_for "$1 is off" has_ended "$nspawn"
}

has_ended () { ! is_nspawn "$1"; }

# signal_node NODE SIGNAL: to every process in the node's process namespace but its PID 1.
signal_node ()
{
  signal_leader=$(leader_of "$1") || return 0
  space=$(readlink "/proc/$signal_leader/ns/pid")
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/ns/pid" 2>/dev/null)" != "$space" ] ||
      kill "-$2" "${process#/proc/}" 2>/dev/null
  done
}

up ()
{
  for tool in systemd-nspawn mmdebstrap ip nsenter meson; do
    command -v $tool >/dev/null ||
      die "$tool is missing; as root: apt-get install systemd-container mmdebstrap iproute2 meson"
  done
  mkdir -p "$lab" || exit 1
  [ ! -f "$lab/prefix" ] || die "a lab is up in $lab already; end it with: lab.sh --dir $lab down"
  trap 'down' EXIT
  trap 'exit 1' INT TERM HUP
  make_image
  make_build
  make_node node-a master
  make_node node-b backup
  make_network
  boot node-a
  boot node-b
  for node in $NODES; do
    wait_for "$node has booted" is_up "$node"
  done
  trap - EXIT INT TERM HUP
}

# end_node NODE: asks its systemd to power off, and cuts its power when it does not.
end_node ()
{
  nspawn=$(nspawn_of "$1")
  is_nspawn "$nspawn" || return 0
  signal_node "$1" CONT
  kill -TERM "$nspawn"
  patience=200
  while is_nspawn "$nspawn" && [ $patience -gt 0 ]; do
    sleep 0.1
    patience=$((patience - 1))
  done
  if is_nspawn "$nspawn"; then
    leader=$(leader_of "$1") && kill -KILL "$leader" 2>/dev/null
    is_nspawn "$nspawn" && kill -KILL "$nspawn" 2>/dev/null
  fi
}

down ()
{
  for node in $NODES; do
    end_node "$node"
    rm -f "$lab/$node.pid"
  done
  if prefix=$(cat "$lab/prefix" 2>/dev/null); then
    for node in $NODES switch; do
      remove_cgroups "$node"
      ip netns del "$prefix-$node" 2>/dev/null
    done
    rm -f "$lab/prefix"
  fi
}

while [ $# -gt 0 ]; do
  case $1 in
    --dir) [ $# -ge 2 ] || die "--dir needs a folder"; lab=$2; shift ;;
    --build) [ $# -ge 2 ] || die "--build needs a folder"; build=$2; shift ;;
    -h | --help) sed -n '5,20s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) break ;;
  esac
  shift
done
[ $# -ge 1 ] || { echo "say what to do; see lab.sh --help" >&2; exit 64; }
[ "$(id -u)" = 0 ] || die "the lab boots machines and makes network namespaces: run it as root"
mkdir -p "$lab" || exit 1
lab=$(cd "$lab" && pwd) || exit 1
command=$1
shift
case $command in
  up | down | run) ;;
  enter | boot | power-off | cut | heal | pause | resume | leader)
    case ${1:-} in node-a | node-b) ;; *) die "say which node: node-a or node-b" ;; esac ;;
  *) echo "unknown command $command; see lab.sh --help" >&2; exit 64 ;;
esac
case $command in
  up) up ;;
  down) down ;;
  run) exec sh "$here/tests/lab/test_lab.sh" "$lab" "$build" ;;
  enter) enter "$@" ;;
  boot) boot "$1"; wait_for "$1 has booted" is_up "$1" ;;
  power-off) power_off "$1" ;;
  cut) ip -n "$(cat "$lab/prefix")-switch" link set "$1" down ;;
  heal) ip -n "$(cat "$lab/prefix")-switch" link set "$1" up ;;
  pause) signal_node "$1" STOP ;;
  resume) signal_node "$1" CONT ;;
  leader) leader_of "$1" ;;
esac
