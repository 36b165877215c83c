#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Times of changeovers and what a node costs, on a real pair on loopback with default settings.

usage: takeover.py [--runs 20] [--silent 5] [--idle 60] [--seconds 3] [PART...]
PART: takeover switchover silent idle throughput (default: all)

Takeover: from the SIGKILL to the first update that the new active node acknowledged, to a client
that tries without a pause at its data door. Nothing here passes or fails.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
from pair import PEER_PATH, Pair, children_of, wait_for  # pylint: disable=wrong-import-position

DEFAULTS = {'failover.recovery-mode': 'manual'}


def program(name):
    """Path of a benchmark program."""
    return os.path.join(os.environ['GEMEL_BUILD'], 'tests', 'bench', name)


class Bench(Pair):
    """A pair with the settings of a fresh installation; a person decides who comes back."""

    def __init__(self):
        super().__init__(DEFAULTS)
        for node in (self.a, self.b):
            for name in [name for name in node.settings if name not in DEFAULTS]:
                del node.settings[name]


def row(name, values, unit='ms'):
    """One line of the table."""
    values = sorted(values)
    p95 = values[min(len(values) - 1, int(len(values) * 0.95))]
    print(f'| {name:<58} | {len(values):>3} | {statistics.median(values):>9.2f} '
          f'| {values[0]:>9.2f} | {p95:>9.2f} | {values[-1]:>9.2f} '
          f'| {unit:<6} |', flush=True)


def head(title):
    """Heading of a table."""
    print(f'\n{title}\n| {"":<58} | {"n":>3} | {"median":>9} | {"least":>9} | {"p95":>9} '
          f'| {"most":>9} | {"unit":<6} |')


def open_client(node, *arguments):
    """Starts a client at the door of a node; returns when its door is open."""
    client = subprocess.Popen([program('bench-takeover'), '--bus', node.bus_address, *arguments],
                              stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == 'ready\n', 'the client did not get a door'
    return client


def result(client):
    """start, start by the wall clock, first and last acknowledgement, µs."""
    line = client.stdout.readline()
    assert client.wait() == 0 and line, 'the client failed'
    return [int(word) for word in line.split()]


def settle(pair):
    """Waits for a level pair that had a moment of rest."""
    pair.wait_level()
    wait_for('datagrams', lambda: all(node.get('Peer', 'DatagramsWork', path=PEER_PATH)
                                      for node in (pair.a, pair.b)))
    time.sleep(0.5)


def steps_of(node, after, start_unix_us):
    """Milliseconds from the kill to each event of a takeover on the new active node."""
    found = {}
    for event in node.events(after=after):
        if event['code'] == 'level-changed' and event['b'] != 3:
            continue
        found[event['code']] = (event['usec'] - start_unix_us) / 1000
    return found


def kill_once(pair, silent):
    """Kills the active daemon, or all of its node; returns ms to the first write, and steps."""
    settle(pair)
    active, standby = pair.active(), pair.standby()
    after = standby.last_event()
    pids = [active.daemon_pid()] + ([active.process.pid] if silent else [])
    client = open_client(standby,
                         *[word for pid in reversed(pids) for word in ('--kill', str(pid))])
    start, start_unix, first, _ = result(client)
    wait_for('the event',
             lambda: any(event['code'] == 'changeover' for event in standby.events(after=after)))
    if silent:
        active.process.wait()
        standby.wait_level('active')
        active.start()
    return (first - start) / 1000, steps_of(standby, after, start_unix)


def takeovers(pair, runs, silent):
    """The rows of a takeover."""
    what = 'kill -9 of gemeld: death notice'
    if silent:
        what = 'guard and gemeld killed together: silence'
    times, steps = [], {}
    for _ in range(runs):
        taken, found = kill_once(pair, silent)
        times.append(taken)
        for code, at in found.items():
            steps.setdefault(code, []).append(at)
    row(f'{what}, to the first acknowledged write', times)
    for code in ('death-notice', 'peer-lost', 'level-changed', 'changeover'):
        if code in steps:
            row(f'   to its event {code}', steps[code])


def switchovers(pair, runs):
    """The rows of a planned switchover."""
    asked, gaps, jobs = [], [], []
    for _ in range(runs):
        settle(pair)
        active, standby = pair.active(), pair.standby()
        old = open_client(active, '--until-refused')
        new = open_client(standby)
        start = time.monotonic_ns() / 1000
        told, message = active.failover()
        jobs.append(time.monotonic_ns() / 1e6 - start / 1000)
        assert told == 'done', message
        _, _, first, _ = result(new)
        last = result(old)[3]
        asked.append((first - start) / 1000)
        gaps.append((first - last) / 1000)
    row('planned: request to the first acknowledged write', asked)
    row('planned: last write of the old to first of the new', gaps)
    row('planned: request to the end of its job, as the caller sees it', jobs)


def memory_kib(pid):
    """PSS and RSS of a process."""
    found = {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        for line in file:
            words = line.split()
            if words[0] in ('Pss:', 'Rss:'):
                found[words[0]] = int(words[1])
    return found['Pss:'], found['Rss:']


def cpu_s(pid):
    """Processor time of a process."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        words = file.read().rsplit(')', 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def idle(pair, seconds):
    """Memory and processor of one node at rest; per thread where the time went."""
    settle(pair)
    for node, what in ((pair.active(), 'active'), (pair.standby(), 'standby')):
        pids = [node.process.pid] + children_of(node.process.pid)
        node.idle = (what, pids, sum(map(cpu_s, pids)))
    time.sleep(seconds)
    for node in (pair.a, pair.b):
        what, pids, before = node.idle
        used = sum(map(cpu_s, pids)) - before
        memory = [memory_kib(pid) for pid in pids]
        row(f'{what} node idle, guard + gemeld: PSS', [sum(pss for pss, _ in memory) / 1024], 'MB')
        row(f'{what} node idle, guard + gemeld: RSS', [sum(rss for _, rss in memory) / 1024], 'MB')
        row(f'{what} node idle, guard + gemeld: processor, {seconds} s', [used / seconds * 100],
            '% core')


def throughput(pair, seconds):
    """The rows of the data door."""
    settle(pair)
    active = pair.active()
    for kind, clients, batch in (('state', 1, 1), ('state', 50, 16), ('config', 1, 1),
                                 ('config', 8, 1)):
        node = pair.a if kind == 'config' else active
        done = subprocess.run([program('bench-door'), '--bus', node.bus_address, '--kind', kind,
                               '--durability', 'pair',
                               '--clients', str(clients), '--batch', str(batch), '--seconds',
                               str(seconds)],
                              stdout=subprocess.PIPE, text=True, check=True)
        rate, p50, p99, short = [float(word) for word in done.stdout.split()]
        name = f'{kind}, data door, pair, {clients} clients x {batch}'
        print(f'| {name:<44} | {rate:>10.0f} | {p50:>9.0f} | {p99:>9.0f} | {short:>14.0f} |',
              flush=True)


def main():
    """The parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--silent', type=int, default=5)
    parser.add_argument('--idle', type=int, default=60)
    parser.add_argument('--seconds', type=int, default=3)
    parser.add_argument('part', nargs='*')
    options = parser.parse_args()
    parts = options.part or ['takeover', 'switchover', 'silent', 'idle', 'throughput']
    with Bench() as pair:
        head('Gemel, a pair on loopback, default settings (recovery mode manual)')
        if 'idle' in parts:
            idle(pair, options.idle)
        if 'takeover' in parts:
            takeovers(pair, options.runs, False)
        if 'switchover' in parts:
            switchovers(pair, options.runs)
        if 'silent' in parts:
            takeovers(pair, options.silent, True)
        if 'throughput' in parts:
            print(f'\n| {"throughput, 100 byte values":<44} | {"updates/s":>10} '
                  f'| {"p50, µs":>9} | {"p99, µs":>9} | {"less than pair":>14} |')
            throughput(pair, options.seconds)


if __name__ == '__main__':
    main()
