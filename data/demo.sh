#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
# A pair on this machine: installs what is missing, builds, starts a master and a backup, pairs
# them.
#
#   sh data/demo.sh             shows the pair live; Ctrl-C ends everything that was started
#   sh data/demo.sh --script    tells the story without a terminal and checks each step
#   --build DIR                 use the programs of that build folder, build nothing
#
# Nothing is written outside the build folder; state, sockets and logs are in its folder demo/.
set -u
# A time far below the default of 10 s, so that the story does not wait; everything else is default.
RECOVERY_DELAY_MS=2000
PATIENCE_S=60

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
mode=live build=
while [ $# -gt 0 ]; do
  case $1 in
    --script) mode=script ;;
    --build) [ $# -ge 2 ] || { echo "--build needs a folder" >&2; exit 64; }; build=$2; shift ;;
    -h | --help) sed -n '4,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown argument $1; see sh data/demo.sh --help" >&2; exit 64 ;;
  esac
  shift
done

begin_ms=$(date +%s%3N)

# say TEXT: one line with the time since the start.
say ()
{
  now_ms=$(($(date +%s%3N) - begin_ms))
  printf '%4d.%03d s  %s\n' $((now_ms / 1000)) $((now_ms % 1000)) "$1"
}

# die REASON: the reason and the ends of both logs; the trap ends what runs.
die ()
{
  say "FAILED: $1" >&2
  for node in node-a node-b; do
    if [ -f "${demo:-}/$node/log" ]; then
      echo "--- end of the log of $node ($demo/$node/log)" >&2
      tail -n 25 "$demo/$node/log" >&2
    fi
  done
  exit 1
}

# wait_for WHAT COMMAND...: until the command succeeds, at most PATIENCE_S.
wait_for ()
{
  what=$1
  shift
  give_up=$(($(date +%s) + PATIENCE_S))
  until "$@"; do
    [ "$(date +%s)" -lt "$give_up" ] || die "waited $PATIENCE_S s in vain: $what"
    sleep 0.05
  done
}

build_programs ()
{
  # shellcheck source=data/packages.sh disable=SC1091
  . "$here/data/packages.sh"
  # shellcheck disable=SC2086 # a list of words
  gemel_install_packages $GEMEL_BUILD_PACKAGES sqlite3 || exit 1
  build=$here/build-demo
  say "building in build-demo/"
  mkdir -p "$build" || exit 1
  if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$here" >"$build/demo-setup.log" 2>&1 ||
      { tail -n 30 "$build/demo-setup.log" >&2; exit 1; }
  fi
  ninja -C "$build" daemon/gemeld daemon/guard/gemel-guard daemon/ctl/gemelctl \
    data/examples/sysmon/sysmon >"$build/demo-build.log" 2>&1 ||
    { tail -n 30 "$build/demo-build.log" >&2; echo "the build failed" >&2; exit 1; }
}

if [ -z "$build" ]; then
  build_programs
else
  build=$(cd "$build" && pwd) || exit 1
fi
case $build in
  *\'* | *\\*)
    echo "a quote or backslash in $build cannot be written into settings; move the folder" >&2
    exit 1
    ;;
esac
demo=$build/demo
if [ -f "$demo/pid" ] && grep -q demo.sh "/proc/$(cat "$demo/pid")/cmdline" 2>/dev/null; then
  echo "a demo runs in $demo already (process $(cat "$demo/pid")); end it first" >&2
  exit 1
fi
rm -rf "$demo"
(umask 077 && mkdir -p "$demo/node-a" "$demo/node-b") || exit 1
echo $$ >"$demo/pid"

guard_a='' guard_b='' bus_a='' bus_b='' watch='' modules=''

runs () { [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }

# end_process PID: asks it to end, and kills it with its children when it does not.
end_process ()
{
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  tries=0
  while [ $tries -lt 600 ] && runs "$1"; do
    sleep 0.05
    tries=$((tries + 1))
  done
  if [ $tries -ge 600 ]; then
    # shellcheck disable=SC2046 # a list of words
    kill -KILL "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null) 2>/dev/null
  fi
  wait "$1" 2>/dev/null
}

clean_up ()
{
  trap '' INT TERM HUP
  release_modules
  for process in $watch $guard_b $guard_a $bus_b $bus_a; do
    end_process "$process"
  done
  rm -f "$demo/pid"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The address of a node's bus: a socket in its folder, or one without a file where that is too long
# a path.
bus_address ()
{
  path=$demo/$1/bus
  if [ ${#path} -le 90 ]; then
    python3 -c '
import sys, urllib.parse
print("unix:path=" + urllib.parse.quote(sys.argv[1]).replace("~", "%7e"))' "$path"
  else
    echo "unix:abstract=gemel-demo-$$-$1"
  fi
}

free_port ()
{
  python3 -c '
import socket
while True:
    tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    tcp.bind(("127.0.0.1", 0))
    try:
        udp.bind(tcp.getsockname())
    except OSError:
        continue
    print(tcp.getsockname()[1])
    break'
}

# write_files NODE ADDRESS PORT
write_files ()
{
  cat >"$demo/$1/bus.conf" <<BUS
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>$2</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
BUS
  cat >"$demo/$1/gemel.conf" <<CONF
[node]
name=$1

[link]
bind-address=127.0.0.1
port=$3

[failover]
recovery-delay-ms=$RECOVERY_DELAY_MS

[module sysmon]
exec='$build/data/examples/sysmon/sysmon'
level=warm
CONF
}

# In sessions of their own, so that Ctrl-C reaches this script alone, which ends them in order.
start_bus ()
{
  setsid dbus-daemon "--config-file=$demo/$1/bus.conf" --nofork >"$demo/$1/bus.log" 2>&1 &
}

start_node ()
{
  setsid "$build/daemon/guard/gemel-guard" -- "$build/daemon/gemeld" \
    --config "$demo/$1/gemel.conf" --state-dir "$demo/$1/state" --bus-address "$2" \
    >"$demo/$1/log" 2>&1 &
}

a () { "$build/daemon/ctl/gemelctl" --no-color --bus-address "$address_a" "$@"; }
b () { "$build/daemon/ctl/gemelctl" --no-color --bus-address "$address_b" "$@"; }

answers () { "$1" --json status >/dev/null 2>&1; }
level () { "$1" --json status 2>/dev/null | sed -n 's/^[^}]*"activity_level":"\([a-z]*\)".*/\1/p'; }
is_level () { [ "$(level "$1")" = "$2" ]; }
sees_peer_ready ()
{
  "$1" --json status 2>/dev/null | sed 's/.*"peer":{\([^}]*\)}.*/\1/' |
    grep '"synced":true' | grep -q '"eligible":true'
}

# pair_is ACTIVE STANDBY: exactly one is active, and the other one is in step and able to take over.
pair_is () { is_level "$1" active && is_level "$2" warm && sees_peer_ready "$1"; }

start_pair ()
{
  address_a=$(bus_address node-a) || die "python3 does not work"
  address_b=$(bus_address node-b) || die "python3 does not work"
  write_files node-a "$address_a" "$(free_port)"
  write_files node-b "$address_b" "$(free_port)"
  start_bus node-a; bus_a=$!
  start_bus node-b; bus_b=$!
  start_node node-a "$address_a"; guard_a=$!
  start_node node-b "$address_b"; guard_b=$!
  wait_for "node-a on its bus" answers a
  wait_for "node-b on its bus" answers b
  say "two nodes run, each under its guard, with a private bus of its own"
  code=$(a pair invite 2>/dev/null) || die "gemelctl pair invite"
  b pair join "$code" >"$demo/join.log" 2>&1 || die "gemelctl pair join: $(cat "$demo/join.log")"
  wait_for "node-a is active, node-b is level and ready" pair_is a b
  say "paired by one code: node-a is the master and active, node-b is the backup, level and ready"
}

show_live ()
{
  cat <<HELP

From another terminal:
  alias a='"$build/daemon/ctl/gemelctl" --bus-address "$address_a"'
  alias b='"$build/daemon/ctl/gemelctl" --bus-address "$address_b"'
  a config set sysmon cpu-high '{"raise": 0}'; b state list alarms
  a state post alarms ack/cpu-high me; a failover; b events; a history ledger
  kill -9 \$(cat "/proc/$guard_a/task/$guard_a/children")    # the daemon of node-a
Ctrl-C ends the demo. Logs: $demo/node-a/log, $demo/node-b/log

HELP
  # The live view covers the screen, so these lines stay until they were read.
  if [ -t 0 ] && [ -t 1 ]; then
    printf 'Enter shows the pair live (the lines come back when it ends): '
    read -r _ || exit 0
  fi
  # In the background a signal is handled at once; the keyboard goes to it all the same.
  exec 3<&0
  "$build/daemon/ctl/gemelctl" --bus-address "$address_a" watch <&3 &
  watch=$!
  wait "$watch"
}

# ---- the story ----

THRESHOLD='{"raise":0,"clear":0,"for_ms":0}' # is exceeded by any value

threshold_is () { [ "$("$1" config get sysmon cpu-high --raw 2>/dev/null)" = "$2" ]; }
alarm_is ()
{
  "$1" state get alarms cpu-high --raw 2>/dev/null |
    grep -q "\"state\":\"$2\".*\"acknowledged_by\":\"$3\""
}

sql () { sqlite3 -readonly "$demo/$1/state/history/history.db" "$2"; }

# has_samples NODE OF SINCE_US: NODE's history has a second of samples that OF took since then.
has_samples ()
{
  count=$(sql "$1" "SELECT count (*) FROM history WHERE tag = '$2/cpu/total' AND unix_us > $3")
  [ "${count:-0}" -ge 10 ]
}

tell_threshold_and_alarm ()
{
  wait_for "samples of node-a on node-b" has_samples node-b node-a 0
  say "sysmon writes history on node-a; node-b has the rows too"
  a config set sysmon cpu-high "$THRESHOLD" >/dev/null ||
    die "the threshold was not taken by the master"
  wait_for "the threshold on node-b" threshold_is b "$THRESHOLD"
  say "threshold cpu-high set on the master is on the backup: $THRESHOLD"
  wait_for "the alarm on both nodes" alarm_is b active ''
  alarm_is a active '' || die "node-a does not know its own alarm"
  say "any load exceeds it: alarm cpu-high is active, on both nodes"
  a state post alarms ack/cpu-high operator >/dev/null || die "the acknowledgement was not taken"
  wait_for "the acknowledgement on node-b" alarm_is b active-acknowledged operator
  say "acknowledged by operator: alarm cpu-high is active-acknowledged, on both nodes"
}

tell_kill ()
{
  daemon=$(cat "/proc/$guard_a/task/$guard_a/children")
  daemon=${daemon%% *}
  kill -KILL "$daemon" || die "no daemon of node-a to kill"
  killed_us=$(date +%s%6N)
  say "kill -9 $daemon: gemeld of the master"
  wait_for "node-b is active" is_level b active
  alarm_is b active-acknowledged operator || die "the acknowledgement did not survive the takeover"
  say "node-b is active and still knows the acknowledgement"
  b state post demo during-takeover yes >/dev/null || die "node-b takes no state"
  wait_for "samples that node-b took" has_samples node-b node-b "$killed_us"
  say "history goes on with the samples of node-b"
  wait_for "the master is active again, the backup level" pair_is a b
  alarm_is a active-acknowledged operator || die "the acknowledgement did not survive the recovery"
  [ "$(a state get demo during-takeover --raw)" = yes ] || die "state of the takeover was lost"
  say "the master returned, got what it missed, and took over: recovery mode is automatic"
  say "(failover.recovery-delay-ms is $RECOVERY_DELAY_MS in the demo, 10000 by default)"
}

# planned FROM TO NAME: a switchover that FROM is asked for.
planned ()
{
  reply=$("$1" --json failover) || die "planned failover to $3: $reply"
  took=$(echo "$reply" | sed -n 's/.*"took_usec":\([0-9]*\).*/\1/p')
  wait_for "$3 is active and its peer level" pair_is "$2" "$1"
  alarm_is "$2" active-acknowledged operator ||
    die "the acknowledgement did not survive the planned failover"
  say "planned failover to $3: done in $((took / 1000)).$(printf '%03d' $((took % 1000))) ms"
}

tell_planned ()
{
  # Manual, so that node-a does not take over by itself before it is asked.
  a settings set failover.recovery-mode manual >/dev/null || die "the recovery mode cannot be set"
  say "recovery mode is manual from here on, so that the way back is planned too"
  planned_from_us=$(date +%s%6N)
  planned a b node-b
  wait_for "samples of node-b on node-a" has_samples node-a node-b "$planned_from_us"
  planned b a node-a
  planned_to_us=$(date +%s%6N)
}

show_changeovers ()
{
  for node in a b; do
    echo
    echo "changeovers in the event table of node-$node:"
    $node events --code changeover || die "the events of node-$node cannot be read"
  done
  echo
  a --json events --code changeover | grep -q '"cause":"committed"' ||
    die "no planned changeover in the events of node-a"
  b --json events --code changeover | grep -q '"cause":"death-notice"' ||
    die "no takeover by death notice in the events of node-b"
}

# With both modules held still nothing is written, so that two counts can be compared.
hold_modules ()
{
  modules=$({ a --json modules; b --json modules; } | tr ',' '\n' |
    sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
  [ -n "$modules" ] || die "no module runs"
  # shellcheck disable=SC2086 # a list of words
  kill -STOP $modules || die "the modules cannot be held"
}

release_modules ()
{
  # shellcheck disable=SC2086 # a list of words
  [ -z "$modules" ] || kill -CONT $modules 2>/dev/null
  modules=
}

SUMMARY="SELECT count (*) || ' rows of ' || count (DISTINCT origin_id) || ' nodes, ' ||
  (SELECT ifnull (sum (last - first + 1 - n + first - 1), 0) FROM
    (SELECT min (seq) AS first, max (seq) AS last, count (*) AS n FROM point GROUP BY origin_id)) ||
  ' gaps, ' || (SELECT count (*) FROM
    (SELECT 1 FROM point GROUP BY origin_id, tag_id, unix_us HAVING count (*) > 1)) ||
  ' duplicates' FROM point"
ROWS="SELECT origin, seq, tag, unix_us, status, type, value FROM history ORDER BY origin, seq"

ledgers_agree ()
{
  ledger_a=$(a --json history ledger) && ledger_b=$(b --json history ledger) &&
    [ -n "$ledger_a" ] && [ "$ledger_a" = "$ledger_b" ] &&
    [ "$(sql node-a "$SUMMARY")" = "$(sql node-b "$SUMMARY")" ]
}

count_history ()
{
  hold_modules
  wait_for "both ledgers are equal" ledgers_agree
  a history ledger --check || die "the ledger of node-a has gaps or duplicates"
  b history ledger --check >/dev/null || die "the ledger of node-b has gaps or duplicates"
  for node in node-a node-b; do
    summary=$(sql "$node" "$SUMMARY") || die "history.db of $node cannot be read"
    checksum=$(sql "$node" "$ROWS" | cksum | cut -d ' ' -f 1)
    echo "history.db of $node, read with sqlite3: $summary, checksum $checksum"
    case $summary in
      "0 rows"*) die "there is no history on $node" ;;
      *" 2 nodes, 0 gaps, 0 duplicates") ;;
      *) die "the history of $node has $summary" ;;
    esac
  done
  [ "$(sql node-a "$ROWS" | cksum)" = "$(sql node-b "$ROWS" | cksum)" ] ||
    die "the two histories differ"
  pause=$(sql node-a "SELECT max (unix_us - before) / 1000 FROM
    (SELECT unix_us, lag (unix_us) OVER (ORDER BY unix_us) AS before
      FROM history WHERE tag LIKE 'node-_/cpu/total')
    WHERE unix_us BETWEEN $planned_from_us AND $planned_to_us")
  release_modules
  say "both histories are equal, row for row"
  say "longest pause between two samples around the planned failovers: $pause ms"
}

start_pair
if [ $mode = live ]; then
  show_live
else
  tell_threshold_and_alarm
  tell_kill
  tell_planned
  show_changeovers
  count_history
  say "the story is told: every step was checked"
fi
