#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Runs clang-format and shellcheck over the repository. Speaks TAP; a missing tool is a skip.

  python3 tests/tidy/tools.py [CASE...]

clang-format formats each release in its own way, so only the release of the floor may judge.
"""
import os
import re
import shutil
import subprocess
import sys

from tree import Tree

CLANG_FORMAT = '14.'
SHOWN_MAX = 40


def ask(root, *command):
    """Runs a command in the repository and returns (passed, what it said)."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def formatted(tree):
    """Returns (passed, lines, reason to skip)."""
    tool = shutil.which('clang-format-14') or shutil.which('clang-format')
    if tool is None:
        return True, [], 'clang-format is not installed'
    version = re.search(r'version (\S+)', ask(tree.root, tool, '--version')[1])
    if not version or not version.group(1).startswith(CLANG_FORMAT):
        return True, [], f'clang-format is not release {CLANG_FORMAT}x'
    sources = [file.path for file in tree.ending('.c', '.h')]
    passed, text = ask(tree.root, tool, '--dry-run', '-Werror', *sources)
    return passed, [line for line in text.splitlines() if 'error:' in line], None


def shell_checked(tree):
    """Returns (passed, lines, reason to skip)."""
    if shutil.which('shellcheck') is None:
        return True, [], 'shellcheck is not installed'
    scripts = [file.path for file in tree.files
               if file.ending == '.sh' or re.match(r'#!.*\b(ba)?sh$', file.text.split('\n', 1)[0])]
    passed, text = ask(tree.root, 'shellcheck', '--format=gcc', '--external-sources', *scripts)
    return passed, text.splitlines(), None


CASES = [
    ('clang-format finds nothing to change', formatted),
    ('shellcheck finds nothing to say', shell_checked),
]


def main():
    """Runs the cases whose name contains an argument, or all."""
    root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
    wanted = sys.argv[1:]
    tree = Tree(root)
    chosen = [(name, case) for name, case in CASES
              if not wanted or any(word in name for word in wanted)]
    failed = False
    print(f'1..{len(chosen)}')
    for number, (name, case) in enumerate(chosen, 1):
        passed, lines, skip = case(tree)
        print(f"{'' if passed else 'not '}ok {number} {name}" + (f' # SKIP {skip}' if skip else ''))
        for line in lines[:SHOWN_MAX]:
            print(f'# {line}')
        failed = failed or not passed
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
