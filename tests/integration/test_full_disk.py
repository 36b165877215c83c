#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""A disk that fills up: writes are refused, nothing acknowledged is lost, it recovers."""
import contextlib
import os
import shutil
import subprocess
import time

from gi.repository import GLib
from pair import Pair, error_name, wait_for
from tap import Skip, run

DISK_BYTES = 24 * 1024 * 1024
SETTINGS = {'failover.recovery-mode': 'manual'}
BLOCK = 64 * 1024
SPARE_BYTES = 1024 * 1024
VALUE = 'x' * 4000
# A refusal may come only when what is kept for the small writes is used up as well.
WRITES_MAX = 20000


@contextlib.contextmanager
def pair_with_small_disk(which):
    """A pair whose node `which` keeps its state on a disk of its own."""
    pair = Pair(SETTINGS)
    state = os.path.join(getattr(pair, which).folder, 'state')
    os.mkdir(state, mode=0o700)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_BYTES},mode=0700', 'gemel-test',
                       state],
                      capture_output=True, check=False).returncode != 0:
        pair.close()
        raise Skip('a tmpfs cannot be mounted: it needs root')
    try:
        with pair:
            yield pair, state
    finally:
        subprocess.run(['umount', '--lazy', state], check=False)
        shutil.rmtree(pair.folder, ignore_errors=True)


def fill(state):
    """Takes all the space that is left but a little; returns the file that holds it."""
    path = os.path.join(state, 'filler')
    with open(path, 'wb', buffering=0) as file:
        size = BLOCK
        while size:
            try:
                file.write(b'\xff' * size)
            except OSError:
                size //= 2
    os.truncate(path, os.path.getsize(path) - SPARE_BYTES)
    return path


def write_until_refused(write):
    """Calls write(number) until it is refused; returns how many were taken, and the error."""
    for number in range(WRITES_MAX):
        try:
            write(number)
        except GLib.Error as error:
            return number, error_name(error)
    raise AssertionError('a full disk refused nothing')


def times_on(node, base):
    """Times of the history that a node has since base."""
    found, after = set(), base
    while True:
        rows = node.call('History', 'Query', '(sxxua{sv})', 'disk', after, 0, 1000, {})
        if not rows:
            return found
        found.update(row[1] for row in rows)
        after = rows[-1][1] + 1


def check_kept(pair, base, n_history, configs):
    """Everything that was acknowledged is on both nodes."""
    acknowledged = {base + number * 100 + i for number in range(n_history) for i in range(100)}
    for node in (pair.a, pair.b):
        wait_for(f'the acknowledged history on {node.name}',
                 lambda node=node: acknowledged <= times_on(node, base))
        for prefix, count in configs:
            for number in range(count):
                assert node.get_config(
                    'disk', f'{prefix}{number}') is not None, f'{node.name} lost {prefix}{number}'


def write_again(function, *arguments, **options):
    """Waits until a write is taken again."""
    def attempt():
        function(*arguments, **options)
        return True
    wait_for('a write is taken again', attempt)


def test_master_disk_fills_up():
    """The active master: DiskFull for configuration and history, state goes on; it recovers."""
    with pair_with_small_disk('a') as (pair, state):
        base = time.time_ns() // 1000
        pair.a.set_config('disk', 'before', '1')
        filler = fill(state)
        n_config, error = write_until_refused(
            lambda number: pair.a.set_config('disk', f'full{number}', VALUE))
        assert error == 'DiskFull', error
        n_history, error = write_until_refused(
            lambda number: pair.a.write_history([('disk', base + number * 100 + i, 0, 0.5)
                                                 for i in range(100)]))
        assert error == 'DiskFull', error
        print(f'# taken before the refusal: {n_config} configuration records, '
              f'{n_history} history batches')
        assert pair.a.get_config('disk', 'before') == '1'
        assert sorted((pair.a.level(), pair.b.level())) == ['active', 'warm']
        assert pair.active().post_state('disk', 'k', 'v')[2] in ('pair', 'local')
        os.unlink(filler)
        write_again(pair.a.set_config, 'disk', 'after', '1')
        write_again(pair.a.write_history, [('later', base, 0, 1.0)])
        pair.wait_level()
        check_kept(pair, base, n_history, (('full', n_config),))
        wait_for('equal heads',
                 lambda: pair.a.get('Config', 'HeadHash') == pair.b.get('Config', 'HeadHash'))


def test_standby_disk_fills_up():
    """The standby: `pair` is told only where it is true; then the standby catches up."""
    with pair_with_small_disk('b') as (pair, state):
        filler = fill(state)
        reached = [pair.a.set_config('disk', f'full{number}', VALUE)[2] for number in range(300)]
        print(f'# acknowledged: {reached.count("pair")} pair, {reached.count("local")} local')
        assert 'local' in reached
        assert pair.a.level() == 'active'
        for number, told in enumerate(reached):
            if told == 'pair':
                assert pair.b.get_config('disk', f'full{number}') == VALUE
        os.unlink(filler)
        pair.wait_level()
        wait_for('equal heads',
                 lambda: pair.a.get('Config', 'HeadHash') == pair.b.get('Config', 'HeadHash'))
        check_kept(pair, 0, 0, (('full', len(reached)),))


if __name__ == '__main__':
    run([(name[5:].replace('_', '-'), function) for name,
         function in list(globals().items()) if name.startswith('test_')])
