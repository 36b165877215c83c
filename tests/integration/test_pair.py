#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Two real daemons on loopback: pairing, replication, takeover, switchover, return."""
import os
import signal
import socket
import subprocess
import time

from gi.repository import GLib
from pair import NODE_PATH, PEER_PATH, Node, Pair, error_name, wait_for
from tap import run

SETTLED = {'failover.recovery-mode': 'manual'}


def expect_error(name, function, *arguments, **options):
    """Calls and expects a named error; returns its message."""
    try:
        function(*arguments, **options)
    except GLib.Error as error:
        assert error_name(error) == name, f'{error_name(error)}: {error.message}'
        return error.message
    raise AssertionError(f'{name} was expected')


def test_roles_after_pairing():
    """The inviter is the active master, the joiner the standby backup."""
    with Pair() as pair:
        assert pair.a.get('Node', 'Role') == 'master'
        assert pair.b.get('Node', 'Role') == 'backup'
        assert pair.a.level() == 'active' and pair.b.level() == 'warm'
        assert pair.a.get('Node', 'PairUuid') == pair.b.get('Node', 'PairUuid') != ''
        assert pair.a.get('Peer', 'Name', path=PEER_PATH) == 'node-b'


def test_config_replicates():
    """What is written on the master is on the backup; pair durability says so."""
    with Pair() as pair:
        term, seq, reached = pair.a.set_config('demo', 'limit', '42', durability='pair')
        assert reached == 'pair' and seq >= 1 and term > 0
        assert pair.b.get_config('demo', 'limit') == '42'
        for number in range(200):
            pair.a.set_config('demo', f'key{number}', str(number))
        wait_for('equal heads',
                 lambda: pair.a.get('Config', 'HeadHash') == pair.b.get('Config', 'HeadHash'))
        message = expect_error('NotAuthority', pair.b.set_config, 'demo', 'limit', '43')
        assert 'node-a' in message, message
        assert pair.b.get_config('demo', 'limit') == '42'


def test_joiner_keeps_own_config():
    """What the joiner had before goes to quarantine, not away."""
    with Pair(paired=False) as pair:
        pair.b.set_config('demo', 'mine', 'precious')
        pair.a.set_config('demo', 'limit', '1')
        pair.join()
        wait_for('the master\'s configuration', lambda: pair.b.get_config('demo', 'limit') == '1')
        assert pair.b.get_config('demo', 'mine') is None
        kept = os.listdir(os.path.join(pair.b.folder, 'state', 'quarantine'))
        assert kept, 'nothing was kept'
        path = os.path.join(pair.b.folder, 'state', 'quarantine', kept[0])
        found = subprocess.run(['sqlite3', path,
                                'select count(*) from record where key = \'mine\''],
                               capture_output=True, text=True, check=True).stdout.strip()
        assert found == '1', found
        pair.b.wait_event('config-kept')


def test_state_follows_the_active():
    """State is posted on the active node only, acknowledged by both, refused under an old term."""
    with Pair() as pair:
        _, _, reached = pair.a.post_state('alarms', 'pump', 'acknowledged')
        assert reached == 'pair', reached
        assert pair.b.get_state('alarms', 'pump') == 'acknowledged'
        message = expect_error('NotActive', pair.b.post_state, 'alarms', 'pump', 'x')
        assert 'node-a' in message, message
        term = pair.a.get('Node', 'ActiveTerm')
        expect_error('OldTerm', pair.a.post_state, 'alarms', 'pump', 'x', term=term - 1)
        pair.a.post_state('alarms', 'pump', 'again', term=term)
        _, _, reached = pair.a.post_state('alarms', 'other', 'x', durability='local')
        assert reached == 'local'


def test_joiner_takes_the_state_of_the_master():
    """Two independent nodes count alike; the joiner must not take its own state for the pair's."""
    with Pair(paired=False) as pair:
        pair.a.post_state('alarms', 'pump', 'of the master')
        pair.b.post_state('alarms', 'pump', 'of the joiner')
        pair.join()
        assert pair.b.get_state('alarms', 'pump') == 'of the master'
        assert pair.a.get_state('alarms', 'pump') == 'of the master'


def test_kill_takes_over_at_once():
    """kill -9 of the active daemon: the guard's notice ends the wait; state is kept.

    The master returns.
    """
    with Pair() as pair:
        pair.a.post_state('alarms', 'pump', 'acknowledged')
        before, before_a = pair.b.last_event(), pair.a.last_event()
        pair.a.kill_daemon()
        pair.b.wait_level('active')
        event = pair.b.wait_event('changeover', before)
        assert event['cause'] == 'death-notice', event
        assert pair.b.get_state('alarms', 'pump') == 'acknowledged'
        pair.a.wait_level('active')
        pair.wait_level()
        assert pair.a.get_state('alarms', 'pump') == 'acknowledged'
        event = pair.a.wait_event('changeover', before_a)
        assert event['cause'] == 'committed', event


def test_silence_takes_over():
    """Guard and daemon die together: nobody says anything, the failover timeout does."""
    with Pair() as pair:
        before = pair.b.last_event()
        pair.a.kill_all()
        pair.b.wait_level('active')
        assert pair.b.wait_event('changeover', before)['cause'] == 'no-active'
        pair.a.start()
        pair.a.wait_level('active')
        pair.wait_level()


def test_manual_recovery_waits():
    """Manual: the returned master stays standby until a person asks."""
    with Pair(SETTLED) as pair:
        pair.a.kill_daemon()
        pair.b.wait_level('active')
        pair.a.wait_name()
        pair.wait_level()
        time.sleep(1.0)  # longer than the recovery delay of these tests
        assert pair.b.level() == 'active' and pair.a.level() == 'warm'
        assert pair.a.failover()[0] == 'done'  # asked on the standby: forwarded
        pair.wait_level()
        assert pair.a.level() == 'active'


def test_planned_switchover_and_back():
    """Both ways, nothing lost, both nodes tell the same story."""
    with Pair(SETTLED) as pair:
        for number in range(50):
            pair.a.set_config('demo', f'key{number}', str(number))
            pair.a.post_state('alarms', f'key{number}', str(number))
        result, message = pair.a.failover()
        assert result == 'done', message
        pair.wait_level()
        assert pair.b.level() == 'active'
        assert pair.b.get_state('alarms', 'key49') == '49'
        assert pair.b.get_config('demo', 'key49') == '49'
        # The authority stays the master's.
        pair.a.set_config('demo', 'later', '1', durability='pair')
        assert pair.b.get_config('demo', 'later') == '1'
        result, message = pair.b.failover()
        assert result == 'done', message
        pair.wait_level()
        assert pair.a.level() == 'active'
        assert pair.a.get('Config', 'HeadHash') == pair.b.get('Config', 'HeadHash')


def test_failover_without_standby_is_refused():
    """No peer, no switchover: the job says why."""
    with Pair(SETTLED) as pair:
        pair.b.kill_all()
        wait_for('the peer is gone', lambda: not pair.a.get('Peer', 'Connected', path=PEER_PATH))
        result, message = pair.a.failover()
        assert result == 'failed' and 'peer' in message, (result, message)
        assert pair.a.level() == 'active'


def test_sigterm_hands_over():
    """A clean stop of the active node is a switchover."""
    with Pair(SETTLED) as pair:
        pair.a.post_state('alarms', 'pump', 'kept')
        before = pair.b.last_event()
        assert pair.a.terminate() == 0
        pair.b.wait_level('active')
        assert pair.b.wait_event('changeover', before)['cause'] == 'committed'
        assert pair.b.get_state('alarms', 'pump') == 'kept'


def test_pause_demotes():
    """SIGSTOP beyond the timeout: the peer takes over, the woken node asks before it acts."""
    with Pair(SETTLED) as pair:
        pid = pair.a.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        pair.b.wait_level('active')
        os.kill(pid, signal.SIGCONT)
        pair.wait_level()
        assert sorted([pair.a.level(), pair.b.level()]) == ['active', 'warm']
        assert any(event['code'] == 'stalled' for event in pair.a.events())


def test_history_is_the_union():
    """Both nodes take history; after a split both hold the same rows, without gaps."""
    with Pair(SETTLED) as pair:
        now = time.time_ns() // 1000
        for number in range(20):
            pair.a.write_history([(f'tag{i}', now + number * 1000 + i, 0, i + 0.5)
                                  for i in range(50)])
            pair.b.write_history([(f'own{i}', now + number * 1000 + i, 0, i + 0.5)
                                  for i in range(10)])
        pair.b.kill_all()
        for number in range(20, 30):
            pair.a.write_history([(f'tag{i}', now + number * 1000 + i, 0, i + 0.5)
                                  for i in range(50)])
        pair.b.start()
        pair.wait_level()

        def united():
            left, right = pair.a.ledger(), pair.b.ledger()
            return left == right and sum(origin['rows'] for origin in left.values()) == 1700
        wait_for('both histories hold the union', united)
        for origin in pair.a.ledger().values():
            assert origin['gaps'] == 0 and origin['duplicates'] == 0, origin
            assert origin['first'] == 1, origin


def test_force_resync():
    """A person can have the whole copy taken again, asked on either node."""
    with Pair(SETTLED) as pair:
        pair.a.set_config('demo', 'limit', '7')
        pair.a.post_state('alarms', 'pump', 'on')
        for node in (pair.b, pair.a):
            for provider in ('config', 'state', ''):
                wait_for('the provider is known', lambda node=node: node.get(
                    'Provider', 'Name', path='/org/gemel/Gemel1/provider/config') == 'config')
                pair.wait_level()
                path = node.call('Node', 'ForceResync', '(sa{sv})', provider, {})
                assert node.job(path)[0] == 'done', (node.name, provider)
        pair.b.wait_event('full-sync-done')
        assert pair.b.get_config('demo', 'limit') == '7'
        assert pair.b.get_state('alarms', 'pump') == 'on'
        expect_error('NotFound', pair.a.call, 'Node', 'ForceResync', '(sa{sv})', 'history', {})
        pair.wait_level()


def test_far_behind_means_full_backup():
    """A backup that missed more than the journal keeps gets a full backup."""
    with Pair(dict(SETTLED, **{'config.journal-entries-max': 100})) as pair:
        pair.b.kill_all()
        for number in range(300):
            pair.a.set_config('demo', f'key{number}', str(number))
        pair.b.start()
        pair.wait_level()
        wait_for('the last key', lambda: pair.b.get_config('demo', 'key299') == '299')
        assert any('compacted' in e['message'] or e['code'] == 'full-sync-needed'
                   for e in pair.b.events())


def test_state_overflow_means_full_state():
    """A standby that missed more than the delta buffer gets the full state."""
    with Pair(dict(SETTLED, **{'state.buffer-bytes-max': 1048576})) as pair:
        pair.b.kill_all()
        big = 'x' * 100000
        for number in range(40):
            pair.a.post_state('bulk', f'key{number}', big)
        pair.b.start()
        pair.wait_level()
        wait_for('the last value', lambda: pair.b.get_state('bulk', 'key39') == big)
        assert pair.b.get_state('bulk', 'key0') == big


def test_restart_of_both():
    """Configuration, history, identity and settings are there after both were off."""
    with Pair(SETTLED) as pair:
        pair.a.set_config('demo', 'limit', '9', durability='pair')
        pair.a.call('Node', 'SetSetting', '(ssa{sv})', 'events.max', '500', {})
        term = pair.a.get('Node', 'Term')
        pair.b.kill_all()
        pair.a.kill_all()
        pair.b.start()
        pair.a.start()
        pair.wait_level()
        assert pair.a.level() == 'active'
        assert pair.a.get('Node', 'ActiveTerm') > term
        assert pair.b.get_config('demo', 'limit') == '9'
        settings = {row[0]: row for row in pair.a.call('Node', 'ListSettings', '(a{sv})', {})}
        events_max = settings['events.max']
        assert events_max[5] == '500' and events_max[6] == 'runtime', events_max


def test_shared_setting_replicates():
    """A shared setting is set on the master and counts on both; the backup refuses."""
    with Pair() as pair:
        pair.a.call('Node', 'SetSetting', '(ssa{sv})', 'failover.recovery-mode', 'manual', {})
        wait_for('manual on both',
                 lambda: {n.get('Node', 'RecoveryMode') for n in (pair.a, pair.b)} == {'manual'})
        expect_error('NotAuthority', pair.b.call, 'Node', 'SetSetting', '(ssa{sv})',
                     'failover.recovery-mode', 'automatic', {})
        message = expect_error('Setting', pair.a.call, 'Node', 'SetSetting', '(ssa{sv})',
                               'failover.failover-timeout-ms', '1', {})
        assert '20' in message, message
        message = expect_error('Setting', pair.a.call, 'Node', 'SetSetting', '(ssa{sv})',
                               'failover.recovery-mod', 'manual', {})
        assert 'recovery-mode' in message, message


def test_wrong_codes_are_refused():
    """A wrong, a used and a void code; each is counted and changes nothing."""
    with Pair(paired=False) as pair:
        code, _ = pair.a.call('Pairing', 'Invite', '(sa{sv})', '', {})
        job = pair.b.call('Pairing', 'Join', '(sa{sv})', 'GEMEL-WRONG-CODE', {})
        result, message = pair.b.job(job)
        assert result == 'failed' and 'code' in message, message
        assert pair.b.job(pair.b.call('Pairing', 'Join', '(sa{sv})', code, {}))[0] == 'done'
        pair.wait_level()
        expect_error('AlreadyPaired', pair.a.call, 'Pairing', 'Invite', '(sa{sv})', '', {})
        third = Node(pair.folder, 'node-c')
        try:
            third.start()
            result, message = third.job(third.call('Pairing', 'Join', '(sa{sv})', code, {}))
            assert result == 'failed', message
            assert third.get('Node', 'Paired') is False
        finally:
            third.stop()
        counters = ('RefusedPairing', 'RefusedAlpn', 'RefusedPin', 'RefusedTls')
        wait_for('a counted refusal',
                 lambda: sum(pair.a.get('Node', name) for name in counters) >= 1)


def test_unpair_and_pair_again():
    """After unpairing both sides a new code makes a new pair."""
    with Pair() as pair:
        for node in (pair.b, pair.a):
            node.call('Pairing', 'Unpair', '(a{sv})', {})
            wait_for('independent', lambda node=node: node.get('Node', 'Role') == 'independent')
        pair.a.wait_level('active')
        pair.b.wait_level('active')
        pair.join()
        assert pair.a.level() == 'active' and pair.b.level() == 'warm'


def test_bad_settings_end_with_a_reason():
    """A wrong file is refused with what is wrong and where; the guard does not try again."""
    with Pair(paired=False) as pair:
        pair.b.terminate()
        for text, word in (('[failover]\nfailover-timeout-ms=5\n', '20'),
                           ('[failovr]\nprofile=lan\n', 'failover'),
                           ('[node]\nstandby-level=hot\n', 'warm'),
                           ('[failover]\nlease-ms=100\n', 'heartbeat')):
            path = os.path.join(pair.b.folder, 'bad.conf')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            gemeld = os.path.join(os.environ['GEMEL_BUILD'], 'daemon', 'gemeld')
            done = subprocess.run([gemeld, '--check', '--config', path],
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 78, done
            assert word in done.stderr, done.stderr


def test_busy_port_is_waited_for():
    """A port that another process holds is no mistake of a person: the guard tries again."""
    with Pair(paired=False) as pair:
        pair.b.terminate()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(('127.0.0.1', pair.b.port))
            pair.b.spawn()
            wait_for('a try', lambda: 'cannot bind' in pair.b.log())
        pair.b.wait_name()


def test_log_settings_touch_only_the_log():
    """A level of one provider outlives other settings; what leaves log.merge is merged no more."""
    with Pair(paired=False) as pair:
        node = pair.a

        def provider(name):
            rows = node.call('Log', 'ListProviders', '(a{sv})', {})
            return next(row[1:] for row in rows if row[0] == name)

        def set_setting(name, value):
            node.call('Node', 'SetSetting', '(ssa{sv})', name, value, {})
        node.call('Log', 'SetLevel', '(ssa{sv})', 'link', 'debug', {})
        set_setting('log.merge', 'store')
        assert provider('link')[0] == 'debug' and provider('store')[1]
        set_setting('events.max', '5000')
        assert provider('link')[0] == 'debug', provider('link')
        set_setting('log.merge', '')
        assert not provider('store')[1]
        set_setting('log.level', 'trace')
        assert provider('link')[0] == 'trace'


def test_series_of_the_configuration_cache():
    """Size and entries of the cache are sampled and can be read down-sampled."""
    with Pair() as pair:
        path = '/org/gemel/Gemel1/provider/config'

        def ask(series):
            return pair.a.call('Provider', 'GetSeries', '(sttua{sv})', series, 0, 0, 10, {},
                               path=path)
        points = wait_for('a sample', lambda: ask('cache-entries'))
        assert len(points) >= 1 and points[0][0] > 0, points
        expect_error('NotFound', ask, 'nonsense')


def test_describe_is_the_snapshot():
    """Describe is JSON and agrees with the properties of the same serial."""
    import json
    with Pair() as pair:
        def told():
            return json.loads(pair.a.call('Node', 'Describe', '(a{sv})', {}, path=NODE_PATH))
        assert told()['node']['name'] == 'node-a' and told()['node']['activity_level'] == 'active'
        wait_for('providers',
                 lambda: {p['name'] for p in told()['providers']} >= {'config', 'history'})


if __name__ == '__main__':
    run([(name[5:].replace('_', '-'), function) for name, function in list(globals().items())
         if name.startswith('test_')])
