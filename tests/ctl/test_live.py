#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Commands that go on: watch, --follow and the job of a re-sync, also across a lost daemon."""
import json
import os
import time

from stage import Stage
from tap import run

STAGE = Stage()
LONG_S = 32  # longer than gemelctl waits for other jobs by itself


def set_term(term):
    """A change of the node, with its signals."""
    STAGE.wish('term', str(term))
    STAGE.send_signals()


def test_watch_ends_after_count():
    """Without a terminal each change is a line without escapes; the second one ends it."""
    set_term(4)
    watch = STAGE.live('watch', '--count', '2')
    watch.wait_line('term 4: node-a is active (master); node-b is level and ready.')
    set_term(5)
    assert watch.wait_end() == 0
    assert len(watch.lines()) == 2 and 'term 5: ' in watch.lines()[1], watch.lines()
    assert '\x1b' not in ''.join(watch.lines()) and watch.errors() == ''


def test_watch_prints_json():
    """One document a line, one for each serial."""
    set_term(4)
    watch = STAGE.live('watch', '--json', '-n', '2')
    watch.wait_line('"serial"')
    set_term(6)
    assert watch.wait_end() == 0
    assert [json.loads(line)['node']['term'] for line in watch.lines()] == [4, 6]


def test_watch_says_the_same_once():
    """Signals without a change print nothing; SIGTERM ends it well."""
    set_term(4)
    watch = STAGE.live('watch')
    watch.wait_line('term 4')
    for _ in range(5):
        STAGE.send_signals()
    set_term(5)
    watch.wait_line('term 5')
    assert len(watch.lines()) == 2, watch.lines()
    assert watch.terminate() == 0


def test_watch_outlives_the_daemon():
    """Says that the daemon is gone, waits, and goes on when it is back."""
    set_term(4)
    watch = STAGE.live('watch', '--count', '3')
    watch.wait_line('term 4')
    STAGE.stop_service()
    watch.wait_line('gemeld is not there; waiting for it.')
    STAGE.wish('term', '7')
    STAGE.start_service()
    assert watch.wait_end() == 0
    assert len(watch.lines()) == 3 and 'term 7' in watch.lines()[2], watch.lines()


def test_events_follow():
    """First the newest ones, then each new one once; SIGTERM ends it well."""
    set_term(4)
    follow = STAGE.live('events', '--follow', '--limit', '2')
    follow.wait_line('event \\u001b3')
    set_term(6)
    follow.wait_line('event \\u001b5')
    words = [line.split()[-1] for line in follow.lines()]
    assert words == [f'\\u001b{n}' for n in (2, 3, 4, 5)], follow.lines()
    assert follow.terminate() == 0 and follow.errors() == ''


def test_events_follow_outlives_the_daemon():
    """What happened while the daemon was away is printed once it is back."""
    set_term(4)
    follow = STAGE.live('events', '--follow', '--json')
    follow.wait_line('"id":3')
    STAGE.stop_service()
    follow.wait_error('gemeld is gone; waiting for it')
    STAGE.wish('term', '6')
    STAGE.start_service()
    follow.wait_line('"id":5')
    follow.wait_error('gemeld is back')
    assert [json.loads(line)['id'] for line in follow.lines()] == [1, 2, 3, 4, 5]
    assert follow.terminate() == 0


def test_resync_that_crawls():
    """A job that moves less than a percent is followed beyond the time for one that stands."""
    STAGE.wish('resync', 'crawl')
    start = time.monotonic()
    resync = STAGE.live('resync', '--timeout', '1')
    resync.wait_line('50 %')
    while time.monotonic() < start + 3:
        assert resync.process.poll() is None, resync.errors()
        time.sleep(0.05)
    STAGE.forget('resync')
    assert resync.wait_end() == 0 and 'Re-sync done' in resync.lines()[-1]


def test_resync_that_stands_still():
    """With --timeout it is left alone; the line says where to look."""
    STAGE.wish('resync', 'still')
    _, err = STAGE.run('--timeout', '0.6', 'resync', code=1)
    STAGE.forget('resync')
    assert 'resync has not moved for 0.6 s' in err and 'gemelctl jobs' in err, err


def slow_resync_without_a_bound():
    """Without --timeout a re-sync is followed for as long as it runs."""
    STAGE.wish('resync', 'still')
    resync = STAGE.live('resync')
    resync.wait_line('50 %')
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        assert resync.process.poll() is None, resync.errors()
        time.sleep(0.2)
    STAGE.forget('resync')
    assert resync.wait_end() == 0


def test_job_whose_daemon_is_gone():
    """Says so with the exit code for it."""
    STAGE.wish('resync', 'still')
    resync = STAGE.live('resync')
    resync.wait_line('50 %')
    STAGE.stop_service()
    assert resync.wait_end() == 4 and 'start gemeld' in resync.errors()
    STAGE.forget('resync')
    STAGE.start_service()


if __name__ == '__main__':
    try:
        STAGE.start_service()
        kinds = ('test_', 'slow_') if os.environ.get('GEMEL_SLOW_TESTS') == 'true' else ('test_',)
        run([('/ctl/live/' + name[5:].replace('_', '-'), function)
             for name, function in list(globals().items()) if name.startswith(kinds)])
    finally:
        STAGE.end()
