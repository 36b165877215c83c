#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Checks the model of the protocol with spin, in its small configurations, and speaks TAP.

A configuration that holds must be searched completely without an error; a broken variant, one rule
removed, must be caught. A variant that is no longer caught means that the check went blind.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = ('-DWIT=0', '-DNC=1', '-DMAXT=4', '-DL=1', '-DG=1')

# name, switches of the model, flags of the checker's compiler, of the checker, errors expected
CASES = [
    ('without-witness-terms-are-unique', SMALL, ('-DSAFETY', '-DCOLLAPSE'), ('-m5000000',), 0),
    ('with-witness-never-two-active', ('-DNC=1', '-DMAXT=3', '-DL=1', '-DG=1'),
     ('-DSAFETY', '-DCOLLAPSE'), ('-m5000000',), 0),
    ('caught-term-not-persisted', SMALL + ('-DNOPERSIST',), ('-DSAFETY', '-DCOLLAPSE'),
     ('-m5000000',), 1),
    ('caught-no-parity', SMALL + ('-DNOPARITY',), ('-DSAFETY', '-DCOLLAPSE'), ('-m5000000',), 1),
    ('caught-master-always-wins', SMALL + ('-DMASTERWINS', '-DAUTO=0'),
     ('-DSAFETY', '-DCOLLAPSE'), ('-m5000000',), 1),
]


def check(folder, switches, compiler_flags, run_flags):
    """Returns (errors, whether the search was complete, states)."""
    with open(os.path.join(folder, 'm.pml'), 'w', encoding='utf-8') as out:
        subprocess.run(['cpp', '-P', *switches, os.path.join(HERE, 'failover.pml')], stdout=out,
                       check=True)
    subprocess.run(['spin', '-a', 'm.pml'], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['gcc', '-O2', '-w', '-DMEMLIM=4000', '-DNOREDUCE', *compiler_flags,
                    '-o', 'pan', 'pan.c'], cwd=folder, check=True)
    done = subprocess.run(['./pan', '-n', *run_flags], cwd=folder, capture_output=True,
                          text=True, check=False, timeout=600)
    errors = int(re.search(r'errors:\s*(\d+)', done.stdout).group(1))
    states = re.search(r'([\d.e+]+) states, stored', done.stdout).group(1)
    complete = ('Search not completed' not in done.stdout and
                'max search depth too small' not in done.stdout)
    return errors, complete, states


def main():
    """Runs every case."""
    if shutil.which('spin') is None:
        print('1..0 # SKIP spin is not installed (apt-get install spin)')
        return 0
    failed = 0
    print(f'1..{len(CASES)}')
    for number, (name, switches, compiler_flags, run_flags, expected) in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            errors, complete, states = check(folder, switches, compiler_flags, run_flags)
        good = errors == expected and (complete or expected > 0)
        failed += not good
        print(f'# {name}: {states} states, {errors} errors')
        print(f'{"ok" if good else "not ok"} {number} {name}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
