# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Runs functions as tests and speaks TAP."""
import sys
import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; its text is the reason."""


def run(tests):
    """Runs (name, function) pairs; those whose name contains an argument when there are any."""
    wanted = sys.argv[1:]
    chosen = [(name, test) for name, test in tests
              if not wanted or any(word in name for word in wanted)]
    failed = 0
    print(f'1..{len(chosen)}', flush=True)
    for number, (name, test) in enumerate(chosen, 1):
        try:
            test()
            print(f'ok {number} {name}', flush=True)
        except Skip as reason:
            print(f'ok {number} {name} # SKIP {reason}', flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            for line in traceback.format_exc().splitlines():
                print('# ' + line)
            print(f'not ok {number} {name}', flush=True)
    sys.exit(1 if failed else 0)
