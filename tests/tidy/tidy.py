#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Checks the rules of the house that a machine can check. Speaks TAP, two cases a rule.

  python3 tests/tidy/tidy.py [RULE...]

The first case of a rule runs it over a bad sample (tests/fixtures/tidy/RULE/), which it must
catch, so that no rule goes blind; the second runs it over the repository. A place that has to
break a rule says why on the same line or the line above: "tidy: RULE: why" in a comment.
"""
import os
import re
import sys

import rules_c
import rules_house
from tree import FIXTURES, Tree

RULES = rules_house.RULES + rules_c.RULES
SHOWN_MAX = 1000
LONGEST = 5


def is_waived(tree, rule, path, line):
    """Whether a comment at the place gives a reason for the exception."""
    file = tree.by_path.get(path)
    near = file.lines[max(0, line - 2):line] if file and line else []
    return any(re.search(rf'tidy: {rule}: \w', text) for text in near)


def findings(tree, name, rule):
    """What a rule finds and nobody waived, as text."""
    for path, line, what in rule(tree):
        if not is_waived(tree, name, path, line):
            yield f'{path}:{line}: {what}' if line else f'{path}: {what}'


def sample_problem(root, name, rule):
    """Why the bad samples of a rule do not prove that it sees; None when they do.

    Each folder of the samples must be caught as often as its files say "caught here" (at least
    once), and nothing else in them.
    """
    folder = os.path.join(root, FIXTURES, name)
    if not os.path.isdir(folder):
        return f'{FIXTURES}{name}/ is missing'
    sample = Tree(folder, use_git=False)
    wanted = sum(len(re.findall('caught here', file.text)) for file in sample.files) or 1
    found = list(findings(sample, name, rule))
    return None if len(found) == wanted else f'{len(found)} caught instead of {wanted}: {found}'


def print_longest(tree):
    """So that somebody looks: the longest files and functions."""
    files = sorted(tree.ending('.c', '.h', '.py'), key=lambda file: -len(file.lines))
    functions = sorted((function for file in tree.ending('.c') for function in file.functions),
                       key=lambda function: -function.length)
    for file in files[:LONGEST]:
        print(f'# long file: {file.path}: {len(file.lines)} lines')
    for function in functions[:LONGEST]:
        print(f'# long function: {function.source.path}:{function.first}: {function.name}: '
              f'{function.length} lines')


def main():
    """Runs the rules that are named, or all."""
    root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
    wanted = sys.argv[1:]
    chosen = [(name, rule) for name, rule in RULES if not wanted or name in wanted]
    tree = Tree(root)
    failed = False
    print(f'1..{2 * len(chosen)}')
    for number, (name, rule) in enumerate(chosen):
        problem = sample_problem(root, name, rule)
        print(f"{'not ' if problem else ''}ok {2 * number + 1} {name} catches its sample")
        if problem:
            print(f'# {problem}')
        found = list(findings(tree, name, rule))
        skip = ' # SKIP no git history here' if name == 'commits' and not tree.subjects() else ''
        print(f"{'not ' if found else ''}ok {2 * number + 2} {name}: {rule.__doc__}{skip}")
        for text in found[:SHOWN_MAX]:
            print(f'# {text}')
        failed = failed or bool(problem) or bool(found)
    print_longest(tree)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
