#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Counts the single test cases in a meson test log.

Prints one line for each skipped case with its reason, one for each failure, and last
"PASSED FAILED SKIPPED". A test that speaks TAP counts by its cases, any other as one.
"""
import json
import re
import sys

TAP = re.compile(r'^(not )?ok\b(.*)$')
SKIP = re.compile(r'#\s*SKIP\s*(.*)', re.IGNORECASE)


def count_tap(name, text):
    """Returns (passed, failed, skipped) of one TAP output; None when it is not TAP."""
    passed = failed = skipped = 0
    for line in text.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        skip = SKIP.search(match.group(2))
        if match.group(1):
            failed += 1
            print(f'failed: {name}: {match.group(2).strip()}')
        elif skip:
            skipped += 1
            case = match.group(2).split('#')[0].strip()
            print(f'skipped: {name}: {case}: {skip.group(1) or "no reason"}')
        else:
            passed += 1
    return (passed, failed, skipped) if passed + failed + skipped else None


def main():
    """Reads the log named on the command line."""
    total = [0, 0, 0]
    with open(sys.argv[1], encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            ok = test['result'] in ('OK', 'EXPECTEDFAIL')
            counts = count_tap(test['name'], test.get('stdout') or '')
            if counts is None:
                if test['result'] == 'SKIP':
                    said = (test.get('stdout') or 'no reason').strip().splitlines()
                    print(f"skipped: {test['name']}: {said[-1]}")
                    counts = (0, 0, 1)
                else:
                    counts = (1, 0, 0) if ok else (0, 1, 0)
            elif not ok and test['result'] != 'SKIP' and counts[1] == 0:
                # It died, timed out, or a sanitizer spoke after its last case.
                counts = (counts[0], 1, counts[2])
            if not ok and test['result'] != 'SKIP':
                print(f"failed: {test['name']}: {test['result']}")
            total = [a + b for a, b in zip(total, counts)]
    print(*total)


if __name__ == '__main__':
    main()
