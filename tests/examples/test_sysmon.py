# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""sysmon on a real pair: who writes, what survives, what a wrong threshold does."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
from pair import Pair, wait_for  # noqa: E402
from tap import run  # noqa: E402

PROGRAM = os.path.join(os.environ['GEMEL_BUILD'], 'data', 'examples', 'sysmon', 'sysmon')
MODULE = f"\n[module sysmon]\nexec='{PROGRAM}'\nlevel=warm\n"
SETTLED = {'failover.recovery-mode': 'manual'}
ALWAYS = '{"raise": 0, "clear": 0, "for_ms": 0}'


def make_pair():
    """A pair with sysmon on both nodes."""
    return Pair(SETTLED, modules=(MODULE, MODULE))


def alarm(node, name='cpu-high'):
    """The record of an alarm, None when there is none."""
    text = node.get_state('alarms', name)
    return json.loads(text) if text else None


def wait_alarm(node, state, name='cpu-high'):
    """Waits until the record says so; returns it."""
    def find():
        record = alarm(node, name)
        return record if record and record['state'] == state else None
    return wait_for(f'{name} is {state} on {node.name}', find)


def test_standby_writes_nothing():
    """The standby's own history stands still; after a switchover the other one's does."""
    with make_pair() as pair:
        for active, standby in ((pair.a, pair.b), (pair.b, pair.a)):
            # What was measured before it became the standby is on its way for a moment.
            start = active.get('History', 'OwnSeq')
            wait_for('samples', lambda a=active, s=start: a.get('History', 'OwnSeq') > s + 100)
            still, start = standby.get('History', 'OwnSeq'), active.get('History', 'OwnSeq')
            wait_for('more samples', lambda a=active, s=start: a.get('History', 'OwnSeq') > s + 100)
            assert standby.get('History', 'OwnSeq') == still
            if active is pair.a:
                assert pair.a.failover()[0] == 'done'
                pair.wait_level()


def test_acknowledgement_survives_takeover_and_return():
    """Raised, acknowledged, killed: whoever is active has the record, and the key is gone."""
    with make_pair() as pair:
        pair.a.set_config('sysmon', 'cpu-high', ALWAYS)
        wait_alarm(pair.b, 'active')
        pair.a.post_state('alarms', 'ack/cpu-high', 'Ada')
        assert wait_alarm(pair.b, 'active-acknowledged')['acknowledged_by'] == 'Ada'
        assert pair.b.get_state('alarms', 'ack/cpu-high') is None
        pair.a.kill_daemon()
        pair.b.wait_level('active')
        wait_for('the record is kept by node-b', lambda: alarm(pair.b)['node'] == 'node-b')
        assert alarm(pair.b)['state'] == 'active-acknowledged'
        assert alarm(pair.b)['acknowledged_by'] == 'Ada'
        pair.wait_level()
        assert pair.b.failover()[0] == 'done'
        pair.wait_level()
        wait_for('the record is kept by node-a', lambda: alarm(pair.a)['node'] == 'node-a')
        assert alarm(pair.a)['state'] == 'active-acknowledged'


def test_acknowledgement_of_nothing_is_deleted():
    """An acknowledgement without an alarm does not wait there for the next one."""
    with make_pair() as pair:
        pair.a.set_config('sysmon', 'disk-busy', '{"raise": 1000, "clear": 1000}')
        wait_alarm(pair.a, 'normal', 'disk-busy')
        pair.a.post_state('alarms', 'ack/disk-busy', 'Ada')
        wait_for('the key is gone', lambda: pair.a.get_state('alarms', 'ack/disk-busy') is None)
        assert alarm(pair.a, 'disk-busy')['state'] == 'normal'


def test_wrong_threshold_is_refused():
    """The old one stays; the default comes back when the record is deleted."""
    with make_pair() as pair:
        pair.a.set_config('sysmon', 'cpu-high', '{"raise": 77, "clear": 66}')
        wait_for('the threshold counts', lambda: (alarm(pair.a) or {}).get('raise') == 77)
        pair.a.set_config('sysmon', 'cpu-high', '{"rise": 50}')
        pair.a.set_config('sysmon', 'memory-low', '{"raise": 1, "clear": 2}')
        wait_for('the next change counts', lambda: alarm(pair.a, 'memory-low')['raise'] == 1)
        assert alarm(pair.a)['raise'] == 77
        pair.a.call('Config', 'Delete', '(ssa{sv})', 'sysmon', 'cpu-high', {})
        wait_for('the default counts', lambda: alarm(pair.a)['raise'] == 90)


def test_history_goes_on_when_daemons_come_and_go():
    """History stays without gaps or duplicates when daemons come and go under the module."""
    with make_pair() as pair:
        pair.b.kill_daemon()
        pair.wait_level()
        pair.a.failover()
        pair.wait_level()
        start = pair.b.get('History', 'OwnSeq')
        wait_for('samples of node-b', lambda: pair.b.get('History', 'OwnSeq') > start + 100)
        for origin in pair.b.ledger().values():
            assert origin['gaps'] == 0 and origin['duplicates'] == 0, origin


if __name__ == '__main__':
    run([(name[5:].replace('_', '-'), function) for name, function in list(globals().items())
         if name.startswith('test_')])
