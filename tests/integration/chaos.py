# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Writers that remember what was acknowledged, faults chosen by a seed, and the count at the end.

One failure at a time is what `pair` promises to survive, so a fault comes only when the pair says
that it is level; how long after that is up to the seed. Every writer writes each value once: what
was refused or unknown is never repeated, so a row that is there twice was made by the pair.
"""
import collections
import os
import random
import signal
import subprocess
import threading
import time

from gi.repository import Gio, GLib
from pair import BUS_NAME, PEER_PATH, children_of, error_name, is_zombie, wait_for

CONFIG_PERIOD_S = 0.008
STATE_PERIOD_S = 0.003
HISTORY_PERIOD_S = 0.08
HISTORY_BATCH = 20
STATE_KEYS = 400
LASTING_EVERY = 10  # every so many posts make a key of their own that nobody writes again
HOT_KEYS = 10
CALL_TIMEOUT_MS = 20000
PAGE = 1000
SETTLE_S = 40

# Token, weight, whether it counts as a kill.
FAULTS = (('kill-daemon', 5, True), ('kill-guard', 2, True), ('kill-node', 2, True),
          ('pause', 1.5, False), ('switchover', 1.5, False))


class Writer(threading.Thread):
    """Calls write() until it is stopped; counts what was refused, by error name."""

    def __init__(self, pair, period_s):
        super().__init__(daemon=True)
        self.pair = pair
        self.period_s = period_s
        self.stopping = threading.Event()
        self.number = 0
        self.acknowledged = collections.Counter()
        self.refused = collections.Counter()
        self.broken = None

    def run(self):
        try:
            while not self.stopping.wait(self.period_s):
                self.number += 1
                try:
                    self.acknowledged[self.write()] += 1
                except GLib.Error as error:
                    self.refused[error_name(error) or 'not delivered'] += 1
        except BaseException as error:  # pylint: disable=broad-except
            self.broken = error

    def finish(self):
        """Ends it; what was under way is acknowledged or not by then."""
        self.stopping.set()
        self.join(CALL_TIMEOUT_MS / 1000 + 10)
        assert not self.is_alive(), f'{type(self).__name__} hangs'
        if self.broken is not None:
            raise self.broken

    def write(self):
        """Writes one thing; returns the durability of the acknowledgement."""
        raise NotImplementedError


class ConfigWriter(Writer):
    """Configuration on the master: every record new, every fifth write also overwrites one."""

    def __init__(self, pair):
        super().__init__(pair, CONFIG_PERIOD_S)
        self.records = set()
        self.hot = {}

    def write(self):
        value = str(self.number).encode()
        sets = [('chaos', f'k{self.number:08}', value)]
        if self.number % 5 == 0:
            sets.append(('chaos', f'hot{self.number // 5 % HOT_KEYS}', value))
        _, _, reached = self.pair.a.call('Config', 'SetMany', '(a(ssay)a(ss)a{sv})', sets, [], {},
                                         timeout=CALL_TIMEOUT_MS)
        self.records.add(self.number)
        if self.number % 5 == 0:
            self.hot[self.number // 5 % HOT_KEYS] = self.number
        return reached


class StateWriter(Writer):
    """Runtime state on whichever node takes it; a key's value only grows, some keys stay."""

    def __init__(self, pair):
        super().__init__(pair, STATE_PERIOD_S)
        self.pair_acknowledged = {}
        self.node = pair.a

    def write(self):
        key = self.number if self.number % LASTING_EVERY == 0 else self.number % STATE_KEYS
        try:
            _, _, reached = self.node.call('State', 'Post', '(sa(say)asa{sv})', 'chaos',
                                           [(f's{key}', str(self.number).encode())],
                                           [], {}, timeout=CALL_TIMEOUT_MS)
        except GLib.Error:
            self.node = self.pair.b if self.node is self.pair.a else self.pair.a
            raise
        if reached == 'pair':
            self.pair_acknowledged[key] = self.number
        return reached


class HistoryWriter(Writer):
    """History on one node; the time of each point is its own, so it names the row."""

    def __init__(self, pair, node, side):
        super().__init__(pair, HISTORY_PERIOD_S)
        self.node = node
        self.side = side
        self.base = 1_700_000_000_000_000
        self.rows = set()

    def write(self):
        first = self.number * HISTORY_BATCH
        times = [self.base + 2 * (first + i) + self.side for i in range(HISTORY_BATCH)]
        points = [(f'{self.node.name}/{at % 7}', at, 0, GLib.Variant('x', at)) for at in times]
        self.node.call('History', 'Write', '(a(sxuv)a{sv})', points, {}, timeout=CALL_TIMEOUT_MS)
        self.rows.update(times)
        return 'local'


def is_odd_end(line):
    """Whether a line of a log tells of a crash or of what comes before one."""
    ended = 'died of signal' in line and 'died of signal 9' not in line
    left = 'exited with status' in line and 'exited with status 0' not in line
    return ended or left or any(word in line for word in ('assertion', 'Sanitizer', 'BACKTRACE'))


def owner(node):
    """Unique bus name of the daemon of a node; empty when it is not there."""
    try:
        reply = node.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                                          'org.freedesktop.DBus', 'GetNameOwner',
                                          GLib.Variant('(s)', (BUS_NAME,)), None,
                                          Gio.DBusCallFlags.NONE, 5000, None)
        return reply.unpack()[0]
    except GLib.Error:
        return ''


def is_gone(pid):
    """Whether a process ended."""
    return not os.path.exists(f'/proc/{pid}') or is_zombie(pid)


class Chaos:
    """The faults: chosen by a seed, carried out, and waited out."""

    def __init__(self, pair, seed):
        self.pair = pair
        self.random = random.Random(seed)
        self.done = collections.Counter()
        self.level_after_ms = collections.defaultdict(list)

    def wait_level(self):
        """Waits until the pair says on both sides that one more failure may come."""
        wait_for('the pair is level again', self._is_level, SETTLE_S)

    def _is_level(self):
        pair = self.pair
        if not pair.is_level():
            return False
        standby = pair.standby()
        return standby.get('Node', 'Synced') and standby.get('Peer', 'Connected', path=PEER_PATH)

    def fault(self):
        """Does one fault and waits until the pair is level; returns whether it was a kill."""
        token, _, is_kill = self.random.choices(FAULTS, [weight for _, weight, _ in FAULTS])[0]
        node = self.random.choice((self.pair.a, self.pair.b))
        length = self.random.uniform(0.05, 4)
        time.sleep(self.random.uniform(0, 0.4))
        active = node.level() == 'active'
        name = token
        if token != 'switchover':
            name += f' of the {"active" if active else "standby"} node'
        print(f'# {sum(self.done.values()) + 1}: {name} ({node.name})', flush=True)
        start = time.monotonic()
        try:
            getattr(self, '_' + token.replace('-', '_'))(node, length)
            self.wait_level()
        except AssertionError:
            self._tell_processes()
            raise
        self.level_after_ms[name].append((time.monotonic() - start) * 1000)
        self.done[name] += 1
        return is_kill

    def _tell_processes(self):
        for node in (self.pair.a, self.pair.b):
            for pid in [node.process.pid] + (children_of(node.process.pid)
                                             if not is_gone(node.process.pid) else []):
                state = subprocess.run(['ps', '-o', 'pid,ppid,stat,etimes,wchan:32,args', '-p',
                                        str(pid)],
                                       capture_output=True, text=True, check=False)
                print(f'# {node.name}: {state.stdout.splitlines()[-1]}', flush=True)

    def _wait_other_daemon(self, node, before):
        wait_for(f'another daemon of {node.name}', lambda: owner(node) not in ('', before),
                 SETTLE_S)

    def _kill_daemon(self, node, _):
        before = owner(node)
        node.kill_daemon()
        self._wait_other_daemon(node, before)

    def _kill_guard(self, node, _):
        before = owner(node)
        daemons = children_of(node.process.pid)
        node.process.kill()
        node.process.wait()
        wait_for(f'the end of the daemon of {node.name} without its guard',
                 lambda: all(is_gone(pid) for pid in daemons))
        node.start()
        self._wait_other_daemon(node, before)

    def _kill_node(self, node, _):
        before = owner(node)
        node.kill_all()
        node.start()
        self._wait_other_daemon(node, before)

    def _pause(self, node, length):
        pid = node.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(length)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _switchover(self, node, _):
        result, message = node.failover()
        print(f'#    switchover: {result} {message}')


class Judge:
    """Counts at the end what of the acknowledged is not there."""

    def __init__(self, pair, config, state, histories):
        self.pair = pair
        self.config = config
        self.state = state
        self.histories = histories
        self.wrong = []
        self.lost = {}  # state that was told to be lost already, by key

    def _expect(self, what, bad):
        bad = sorted(bad)
        print(f'# {what}: {len(bad)}')
        if bad:
            self.wrong.append(f'{what}: {len(bad)}, such as {bad[:5]}')

    def check_state(self, fault):
        """What was acknowledged as `pair` up to now is on both nodes; nobody waits for it."""
        promised = {key: value for key, value in self.state.pair_acknowledged.copy().items()
                    if value > self.lost.get(key, 0)}
        for node in (self.pair.a, self.pair.b):
            old = self._old_keys(node, promised)
            self.lost.update((key, value) for key, value, _ in old)
            if old:
                self.wrong.append(
                    f'state acknowledged as pair that {node.name} did not have after fault '
                    f'{fault}: {len(old)}, '
                                  f'such as (key, promised, found) {old[:3]}')
                print('# ' + self.wrong[-1], flush=True)

    @staticmethod
    def _old_keys(node, promised):
        found = read_state(node)
        return [(key, value, found.get(key)) for key,
                value in promised.items() if found.get(key, -1) < value]

    def judge(self):
        """Everything; raises with all that is wrong."""
        for node in (self.pair.a, self.pair.b):
            self._config_of(node)
            self._expect(f'state updates acknowledged as pair that {node.name} lost',
                         self._old_keys(node, self.state.pair_acknowledged))
            self._history_of(node)
        heads = [node.get('Config', 'HeadHash') for node in (self.pair.a, self.pair.b)]
        self._expect('different configuration heads', set(heads) - {heads[0]})
        levels = sorted(node.level() for node in (self.pair.a, self.pair.b))
        self._expect('nodes too many or too few active',
                     [] if levels == ['active', 'warm'] else levels)
        self._changeovers()
        self._deaths()
        assert not self.wrong, '; '.join(self.wrong)

    def _config_of(self, node):
        found = read_config(node)
        lost = [number for number in self.config.records if found.get(f'k{number:08}') != number]
        self._expect(f'configuration records that {node.name} lost', lost)
        old = [(key, number) for key,
               number in self.config.hot.items() if found.get(f'hot{key}', -1) < number]
        self._expect(f'overwritten configuration records that {node.name} has in an older form',
                     old)

    def _history_of(self, node):
        found = collections.Counter(read_history(node))
        acknowledged = set().union(*(history.rows for history in self.histories))
        self._expect(f'acknowledged history rows that {node.name} lost', acknowledged - set(found))
        self._expect(f'history rows that {node.name} has twice',
                     [at for at, count in found.items() if count > 1])
        ledger = node.ledger()
        self._expect(f'gaps and duplicates in the ledger of {node.name}',
                     [(origin[:8], name, row[name]) for origin,
                      row in ledger.items() for name in ('gaps', 'duplicates') if row[name]])
        rows = sum(row['rows'] for row in ledger.values())
        self._expect(f'rows of {node.name} that ledger and query count differently',
                     [(rows, len(found))] if rows != len(found) else [])

    def _deaths(self):
        """No process ended in another way than by the killer or in order."""
        for node in (self.pair.a, self.pair.b):
            with open(node.log_path, encoding='utf-8', errors='replace') as log:
                lines = log.readlines()
            odd = [number for number, line in enumerate(lines) if is_odd_end(line)]
            for number in odd:
                print('# ' + '# '.join(lines[max(0, number - 6):number + 1]), end='')
            self._expect(f'odd ends of processes of {node.name}',
                         [lines[number].strip() for number in odd])

    def _changeovers(self):
        causes, terms, codes = collections.Counter(), collections.defaultdict(
            list), collections.Counter()
        for node in (self.pair.a, self.pair.b):
            for event in read_events(node):
                codes[event['code']] += 1
                if event['code'] == 'changeover' and event['cause'] != 'independent':
                    causes[event['cause']] += 1
                    terms[event['term']].append(node.name)
        print(f'# changeovers: {sum(causes.values())}, by cause: {dict(causes.most_common())}')
        print(f'# events: {dict(codes.most_common())}')
        self._expect('terms that were active twice',
                     [(term, names) for term, names in terms.items() if len(names) > 1])


def read_state(node):
    """Key number to value number of everything the writer posted."""
    found, after = {}, ''
    while True:
        rows = node.call('State', 'List', '(sssua{sv})', 'chaos', '', after, PAGE, {})
        if not rows:
            return found
        found.update((int(key[1:]), int(bytes(value))) for key, value, _, _ in rows)
        after = rows[-1][0]


def read_config(node):
    """Key to value number of everything the writer wrote."""
    found, after = {}, ''
    while True:
        rows = node.call('Config', 'List', '(sssua{sv})', 'chaos', '', after, PAGE, {})
        if not rows:
            return found
        found.update((key, int(bytes(value))) for _, key, value, _ in rows)
        after = rows[-1][1]


def read_history(node):
    """Times of all rows; twice within a page comes twice, the ledger tells the rest."""
    after = 0
    while True:
        rows = node.call('History', 'Query', '(sxxua{sv})', '', after, 0, PAGE, {})
        if not rows:
            return
        for row in rows:
            assert row[3] == row[1], f'a row with a wrong value: {row}'
            yield row[1]
        after = rows[-1][1] + 1


def read_events(node):
    """All stored events, newest first."""
    before = None
    while True:
        page = node.events(**({} if before is None else {'before': before}))
        if not page:
            return
        yield from page
        before = page[-1]['id']


def run_chaos(pair, seed, kills):
    """Kills, counts, judges."""
    chaos = Chaos(pair, seed)
    config, state = ConfigWriter(pair), StateWriter(pair)
    histories = [HistoryWriter(pair, pair.a, 0), HistoryWriter(pair, pair.b, 1)]
    writers = [config, state] + histories
    judge = Judge(pair, config, state, histories)
    for writer in writers:
        writer.start()
    try:
        killed = 0
        while killed < kills:
            killed += chaos.fault()
            judge.check_state(sum(chaos.done.values()))
    finally:
        for writer in writers:
            writer.finish()
    chaos.wait_level()
    wait_for('both histories are one', lambda: pair.a.ledger() == pair.b.ledger() and all(
        node.get('History', 'BufferedPoints') == 0 for node in (pair.a, pair.b)))
    wait_for('equal heads',
             lambda: pair.a.get('Config', 'HeadHash') == pair.b.get('Config', 'HeadHash'))
    for writer in writers:
        print(f'# {type(writer).__name__}: acknowledged {dict(writer.acknowledged)}, '
              f'refused {dict(writer.refused)}')
    for name, times in sorted(chaos.level_after_ms.items()):
        times.sort()
        print(f'# {len(times)} x {name}: level after {times[len(times) // 2]:.0f} ms (median), '
              f'{times[-1]:.0f} ms (worst)')
    judge.judge()
