#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
#
# A pair on two machines with systemd, D-Bus and polkit, from installation to removal. Speaks TAP.
#
#   sh tests/lab/test_lab.sh [DIR [BUILD]]    as lab.sh's --dir and --build; needs root
#
# A lab that was up before stays up; one that was started here is ended here.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
lab=${1:-${TMPDIR:-/tmp}/gemel-lab}
build=${2:-}
PATIENCE_S=60
n_tests=0 n_failed=0

on_lab () { sh "$here/lab.sh" --dir "$lab" ${build:+--build "$build"} "$@"; }
at () { on_lab enter "$@"; }
ctl () { node_of_ctl=$1; shift; at "$node_of_ctl" gemelctl "$@"; }
note () { echo "# $1"; }
now_us () { date +%s%6N; }

# until WHAT COMMAND...: repeats the command until it succeeds, at most PATIENCE_S.
until_ ()
{
  awaited=$1 give_up=$(($(date +%s) + PATIENCE_S))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$give_up" ] || { note "waited $PATIENCE_S s in vain: $awaited"; return 1; }
    sleep 0.1
  done
}

# test_case NAME FUNCTION: one line of TAP; after a failure what the nodes say.
test_case ()
{
  n_tests=$((n_tests + 1))
  if "$2"; then
    echo "ok $n_tests $1"
    return
  fi
  n_failed=$((n_failed + 1))
  for node in node-a node-b; do
    at "$node" journalctl -u gemeld -n 12 --no-pager 2>&1 | sed "s/^/# $node: /"
  done
  echo "not ok $n_tests $1"
}

level ()
{
  ctl "$1" --json status 2>/dev/null | sed -n 's/^[^}]*"activity_level":"\([a-z]*\)".*/\1/p'
}
is_level () { [ "$(level "$1")" = "$2" ]; }
other () { case $1 in node-a) echo node-b ;; *) echo node-a ;; esac; }
sees_ready () { ctl "$1" --json status 2>/dev/null | sed 's/.*"peer":{\([^}]*\)}.*/\1/' |
  grep '"alive":true' | grep '"synced":true' | grep -q '"eligible":true'; }

# find_active: sets active and standby when exactly one is active and the other one is ready.
find_active ()
{
  for active in node-a node-b; do
    standby=$(other "$active")
    is_level "$active" active && is_level "$standby" warm && sees_ready "$active" && return 0
  done
  return 1
}

pair_is_well () { until_ "one node is active, the other one level and ready" find_active; }
unit_is () { at "$1" systemctl is-active --quiet gemeld; }
daemon_of () { at "$1" pgrep -x gemeld; }
has_daemon () { daemon_of "$1" >/dev/null; }

# last_event NODE CODE: "USEC CAUSE" of the newest such event.
last_event ()
{
  ctl "$1" --json events --code "$2" --limit 1 2>/dev/null |
    sed -n 's/.*"usec":\([0-9]*\).*"cause":"\([a-z-]*\)".*/\1 \2/p'
}

# took_over NODE SINCE-US [CAUSE]: tells how long after that the node became active, and why.
took_over ()
{
  receipt=$(last_event "$1" changeover)
  took_us=$((${receipt% *} - $2))
  note "$1 active $((took_us / 1000)).$(printf '%03d' $((took_us % 1000))) ms later (${receipt#* })"
  [ "$took_us" -gt 0 ] && [ "${3:-${receipt#* }}" = "${receipt#* }" ]
}

# ---- the scenario ----

unit_starts ()
{
  for node in node-a node-b; do
    at "$node" systemd-sysusers && at "$node" systemd-tmpfiles --create &&
      at "$node" journalctl --update-catalog && at "$node" systemctl daemon-reload &&
      at "$node" systemctl -q enable gemeld && at "$node" systemctl start gemeld || return 1
  done
  status_line=$(at node-a systemctl show -P StatusText gemeld)
  note "STATUS: $status_line"
  unit_is node-a && unit_is node-b && [ -n "$status_line" ]
}

runs_with_few_rights ()
{
  # shellcheck disable=SC2016 # expanded in the node
  facts=$(at node-a sh -c 'p=$(pgrep -x gemeld); ps -L -o user=,cls=,rtprio=,comm= -p $p |
    grep "link$"; sed -n "s/^VmLck:[[:space:]]*//p" /proc/$p/status
    stat -c "%a %U" /var/lib/gemel')
  note "$(echo "$facts" | tr -s ' \n' ' ')"
  note "$(at node-a systemd-analyze security gemeld --no-pager | grep -o 'Overall.*[0-9]')"
  echo "$facts" | grep -qE '^gemel +FF +10 link' && echo "$facts" | grep -q '^700 gemel$' &&
    echo "$facts" | grep -qE '^[1-9][0-9]* kB' &&
    at node-a systemd-analyze security --threshold=20 --no-pager gemeld >/dev/null
}

# refused COMMAND...: an ordinary user gets exit code 3 and a message that says what to do.
refused ()
{
  answer=$(at node-a runuser -u visitor -- gemelctl "$@" 2>&1)
  [ $? = 3 ] && echo "$answer" | grep -q 'use root or a polkit agent'
}

polkit_decides ()
{
  at node-a useradd visitor || return 1
  ctl node-a status >/dev/null && at node-a runuser -u visitor -- gemelctl status >/dev/null &&
    refused failover && refused log && refused config set lab key 1 && refused pair invite &&
    note "$answer" || return 1
  at node-a sh -c 'cat >/etc/polkit-1/rules.d/50-lab.rules' <<'RULE' || return 1
polkit.addRule(function(action, subject) {
  if (action.id == "org.gemel.Gemel1.operate" && subject.user == "visitor")
    return polkit.Result.YES;
});
RULE
  until_ "polkit follows the new rule" may_operate && refused log
}

# Without a peer the pair's state refuses a failover with exit code 5: the right was there.
may_operate () { at node-a runuser -u visitor -- gemelctl failover >/dev/null 2>&1; [ $? = 5 ]; }

pairs_by_one_code ()
{
  code=$(ctl node-a pair invite --address 10.77.0.1 2>/dev/null) &&
    ctl node-b pair join "$code" >/dev/null && pair_is_well && [ "$active" = node-a ] &&
    ctl node-a settings set failover.recovery-mode manual >/dev/null
}

is_value () { [ "$(ctl "$1" "$2" get lab "$3" --raw 2>/dev/null)" = "$4" ]; }
has_point () { ctl "$1" --json history query lab/tag 2>/dev/null | grep -q '4[.,]5'; }

data_goes_across ()
{
  ctl node-a config set lab key '{"x":1}' >/dev/null &&
    ctl node-a state post lab pump running >/dev/null &&
    ctl node-a history write lab/tag 4.5 >/dev/null || return 1
  until_ "configuration" is_value node-b config key '{"x":1}' &&
    until_ "state" is_value node-b state pump running && until_ "history" has_point node-b
}

bus_works ()
{
  node_object="org.gemel.Gemel1 /org/gemel/Gemel1/node"
  interface=org.gemel.Gemel1.Node
  # shellcheck disable=SC2086 # two words
  at node-a busctl introspect $node_object $interface | grep -q RequestFailover &&
    at node-a busctl get-property $node_object $interface ActivityLevel | grep -q active &&
    at node-a busctl call $node_object $interface RequestFailover 'a{sv}' 0 >/dev/null || return 1
  until_ "node-b is active" is_level node-b active && pair_is_well &&
    ctl node-b failover >/dev/null && pair_is_well && [ "$active" = node-a ]
}

restart_hands_over ()
{
  pair_is_well || return 1
  before=$active from_us=$(now_us)
  at "$before" systemctl restart gemeld || return 1
  pair_is_well && [ "$active" != "$before" ] && took_over "$active" "$from_us" committed
}

kill_is_noticed ()
{
  all_us=
  for _ in 1 2 3 4 5; do
    pair_is_well || return 1
    before=$active
    # shellcheck disable=SC2016 # expanded in the node
    from_us=$(at "$before" sh -c 'p=$(pgrep -x gemeld); date +%s%6N; kill -KILL $p') || return 1
    pair_is_well && [ "$active" != "$before" ] && took_over "$active" "$from_us" death-notice &&
      [ "$(at "$before" systemctl show -P NRestarts gemeld)" = 0 ] || return 1
    all_us="$all_us $took_us"
  done
  # shellcheck disable=SC2086 # a list of numbers
  note "median $(printf '%s\n' $all_us | sort -n | sed -n 3p) us"
}

restarts_after_all_was_killed ()
{
  pair_is_well || return 1
  before=$active from_us=$(now_us)
  at "$before" systemctl kill -s KILL gemeld || return 1
  pair_is_well && [ "$active" != "$before" ] && took_over "$active" "$from_us" &&
    [ "$(at "$before" systemctl show -P NRestarts gemeld)" -ge 1 ]
}

is_killed_again () { at node-b systemctl kill -s KILL gemeld 2>/dev/null && unit_is_back; }
unit_is_back () { until_ "node-b is ready again" unit_is node-b; }

# More often than the usual start limit of systemd, and then a mistake that only a person can mend.
comes_back_unless_misconfigured ()
{
  for _ in 1 2 3 4 5 6 7; do
    is_killed_again || return 1
  done
  pair_is_well || return 1
  at node-b sh -c 'systemctl stop gemeld; echo "[link]" >/etc/gemel/gemel.conf.d/bad.conf
    echo "port=70000" >>/etc/gemel/gemel.conf.d/bad.conf; systemctl start gemeld' 2>/dev/null
  started=$?
  facts="$(at node-b systemctl show -P NRestarts -P ExecMainStatus -P ActiveState gemeld |
    tr '\n' ' ')"
  note "with a wrong settings file: $facts"
  at node-b rm /etc/gemel/gemel.conf.d/bad.conf
  at node-b systemctl start gemeld && pair_is_well && [ $started != 0 ] &&
    [ "$facts" = "0 78 failed " ]
}

survives_a_power_cut ()
{
  pair_is_well || return 1
  before=$active after=$standby from_us=$(now_us)
  on_lab power-off "$before" || return 1
  until_ "$after is active" is_level "$after" active && took_over "$after" "$from_us" || return 1
  ctl "$after" state post lab pump stopped >/dev/null
  on_lab boot "$before" && pair_is_well && [ "$active" = "$after" ] &&
    until_ "state of the takeover" is_value "$before" state pump stopped
}

heals_after_a_cut ()
{
  pair_is_well || return 1
  before=$active after=$standby from_us=$(now_us)
  on_lab cut "$before"
  until_ "$after is active too" is_level "$after" active && took_over "$after" "$from_us" &&
    is_level "$before" active && ctl "$after" --json status | grep -q '"assurance":"peer-only"'
  cut_ok=$?
  on_lab heal "$before"
  pair_is_well || return 1
  note "after healing $active is active; $standby: $(last_event "$standby" dual-resolved)"
  [ $cut_ok = 0 ] && [ -n "$(last_event "$standby" dual-resolved)" ]
}

yields_after_a_pause ()
{
  pair_is_well || return 1
  before=$active after=$standby from_us=$(now_us)
  on_lab pause "$before"
  until_ "$after is active" is_level "$after" active && took_over "$after" "$from_us"
  pause_ok=$?
  on_lab resume "$before"
  pair_is_well && [ $pause_ok = 0 ] && [ "$active" = "$after" ]
}

watchdog_ends_a_stopped_daemon ()
{
  pair_is_well || return 1
  before=$active stopped=$(daemon_of "$active") from_us=$(now_us)
  at "$before" kill -STOP "$stopped"
  until_ "$standby is active" is_level "$standby" active && took_over "$standby" "$from_us" ||
    return 1
  until_ "the stopped daemon is replaced" is_replaced "$before" "$stopped" &&
    replaced_us=$(($(now_us) - from_us)) && note "replaced after $((replaced_us / 1000000)) s" &&
    [ "$replaced_us" -lt 25000000 ] && pair_is_well && [ "$active" != "$before" ]
}

is_replaced () { has_daemon "$1" && [ "$(daemon_of "$1")" != "$2" ]; }

journal_explains ()
{
  at node-a journalctl -u gemeld -o json --no-pager |
    grep -q '"MESSAGE_ID":"18200a0166414b5b8bae2ce5d5678a30"' &&
    at node-a journalctl -u gemeld -x --no-pager | grep -q 'Subject: This node is active now'
}

bus_call_starts_it ()
{
  at node-b systemctl stop gemeld && ! has_daemon node-b &&
    at node-b busctl --timeout=30 get-property org.gemel.Gemel1 /org/gemel/Gemel1/node \
      org.gemel.Gemel1.Node Name | grep -q node-b && unit_is node-b && pair_is_well
}

stops_without_leftovers ()
{
  for node in node-b node-a; do
    at "$node" systemctl stop gemeld || return 1
    ! unit_is "$node" && ! at "$node" pgrep -u gemel >/dev/null || return 1
    [ "$(at "$node" systemctl show -P Result gemeld)" = success ] || return 1
  done
}

removal_leaves_nothing_running ()
{
  at node-a systemctl -q disable --now gemeld && at node-a rm /lib/systemd/system/gemeld.service &&
    at node-a systemctl daemon-reload || return 1
  ! at node-a systemctl list-units --all --no-legend | grep -q gemel &&
    ! at node-a pgrep -u gemel >/dev/null
}

[ "$(id -u)" = 0 ] || { echo "Bail out! the lab needs root"; exit 1; }
if [ ! -f "$lab/prefix" ]; then
  trap 'on_lab down' EXIT
  trap 'exit 1' INT TERM HUP
  on_lab up || { echo "Bail out! the lab does not come up"; exit 1; }
fi

test_case "the unit starts, is ready and tells its status" unit_starts
test_case "the daemon runs as gemel, real-time, locked in memory, state folder closed" \
  runs_with_few_rights
test_case "reading is free, the rest is refused to an ordinary user with exit code 3" polkit_decides
test_case "one code pairs two machines" pairs_by_one_code
test_case "configuration, state and history go across" data_goes_across
test_case "busctl reads, lists and asks for a failover on the system bus" bus_works
test_case "systemctl restart on the active node hands over first" restart_hands_over
test_case "kill -9 of gemeld: death notice over the bridge, the guard restarts it" kill_is_noticed
test_case "kill -9 of guard and gemeld: systemd restarts them" restarts_after_all_was_killed
test_case "systemd restarts it however often, but not with a wrong settings file" \
  comes_back_unless_misconfigured
test_case "power cut: the other node takes over, the first boots again as standby" \
  survives_a_power_cut
test_case "network cut: both active; healed: one" heals_after_a_cut
test_case "a paused machine yields when it runs again" yields_after_a_pause
test_case "SIGSTOP of gemeld: the peer takes over, the watchdog replaces it" \
  watchdog_ends_a_stopped_daemon
test_case "the journal has message ids and journalctl -x explains them" journal_explains
test_case "a call on the bus starts the service" bus_call_starts_it
test_case "systemctl stop leaves no process" stops_without_leftovers
test_case "removal leaves no unit running" removal_leaves_nothing_running
echo "1..$n_tests"
[ $n_failed = 0 ]
