# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Rules for the house: folders, arrows, texts, commits.

A rule takes a Tree and yields (path, line, what is wrong).
"""
import os
import re

COLUMNS_MAX = 100
README_LINES_MAX = 25
SUBJECT_COLUMNS_MAX = 72

# Who may include whom below daemon/; '' is the node. ARCHITECTURE.md gives the picture.
ARROWS = {
    'api': {'api'},
    'core': {'api', 'core'},
    'store': {'api', 'core', 'store'},
    'link': {'api', 'core', 'store', 'link'},
    'history': {'api', 'core', 'store', 'history'},
    'sync': {'api', 'core', 'store', 'link', 'history', 'sync'},
    'system': {'api', 'core', 'system'},
    'guard': {'api', 'link', 'guard'},
    'ctl': {'api', 'ctl'},
}
# Adapters and programs that use another folder only through these headers.
DOORS = {
    'dbus': re.compile(r'(api|dbus|store|history|sync)/|gemel-(snapshot|requests)\.h'
                       r'|system/gemel-(log|settings)\.h|gemel-bus-generated\.h'),
    'guard': re.compile(r'(api|guard)/|link/gemel-(guard-wire|seal)\.h'),
}
WRITTEN = ('.c', '.h', '.py', '.sh')
LICENSED = WRITTEN + ('.xml', '.build', '.txt', '.policy', '.service', '.in', '.conf', '.catalog')
COMMENT_MARKS = re.compile(r'^[\s/*#"\'<!-]*|[\s/*>"\'-]*$')


def licence(tree):
    """Every file names its licence; what is written by hand also its authors."""
    for file in tree.files:
        if file.ending not in LICENSED or file.name == 'commits.txt':
            continue
        head = '\n'.join(file.lines[:6])
        if 'SPDX-License-Identifier: LGPL-2.1-or-later' not in head:
            yield file.path, 1, 'no SPDX line'
        if file.ending in WRITTEN and 'Copyright (C) 2026 The Gemel authors' not in head:
            yield file.path, 1, 'no copyright line'


def file_head(tree):
    """Every file says in its head what it is for."""
    for file in tree.ending(*WRITTEN):
        said = []
        for line in file.lines[:12]:
            text = COMMENT_MARKS.sub('', line)
            if re.match(r'SPDX-|Copyright|!|\$|.*/usr/bin', text):
                continue
            if line and not re.match(r'\s*[/*#"\']', line) and '"""' not in line and not said:
                break
            if len(text) > 15 and not line.startswith(('#include', '#define', '#pragma')):
                said.append(text)
        if not said:
            yield file.path, 1, 'the head does not say what the file is for'


def arrows(tree):
    """Includes follow the arrows between the folders of daemon/."""
    for file in tree.ending('.c', '.h'):
        if not file.part:
            continue
        if file.part not in ARROWS and file.part not in DOORS:
            yield file.path, 1, f'daemon/{file.part} has no row in tests/tidy/rules_house.py'
            continue
        for line, name in file.includes:
            if name[0] == '<':
                continue
            target, folder = name[1:-1], os.path.dirname(name[1:-1])
            doors = DOORS.get(file.part)
            right = doors.match(target) if doors else folder in ARROWS[file.part]
            if not right:
                yield file.path, line, f'{file.part}/ may not use {target}'


def columns(tree):
    """No line is longer than 100 columns, no tabs, no spaces at the end."""
    for file in tree.ending('.c', '.h', '.py', '.md', '.sh', '.build'):
        for number, line in enumerate(file.lines, 1):
            # A row of a Markdown table cannot be broken.
            if len(line) > COLUMNS_MAX and not (file.ending == '.md' and line.startswith('|')):
                yield file.path, number, f'{len(line)} columns'
            if '\t' in line:
                yield file.path, number, 'a tab'
            if line != line.rstrip():
                yield file.path, number, 'a space at the end'
        if file.text and not file.text.endswith('\n'):
            yield file.path, len(file.lines), 'no line feed at the end'


# Said before the rule ran; history is not written again for them.
OLD_SUBJECTS = {'4ac1b43', '92ae305', 'cbc368b'}


def commits(tree):
    """Commit messages are 'area: What it does now', at most 72 columns, and finished."""
    for commit, subject in tree.subjects():
        if commit in OLD_SUBJECTS:
            continue
        if not re.match(r'[a-z][a-z0-9/., _-]*: \S', subject):
            yield commit, 0, f'"{subject}" is not "area: What it does now"'
        if len(subject) > SUBJECT_COLUMNS_MAX:
            yield commit, 0, f'"{subject}" has {len(subject)} columns'
        if re.search(r'\b(WIP|FIXME|TODO|fixup!|squash!)', subject):
            yield commit, 0, f'"{subject}" is not finished'


def finished(tree):
    """No notes to oneself in the code."""
    marks = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
    for file in tree.ending('.c', '.h', '.py', '.sh', '.build', '.xml', '.in'):
        for number, line in enumerate(file.lines, 1):
            # The rules name the words that they look for.
            if (match := marks.search(line)) and not file.path.startswith('tests/tidy/'):
                yield file.path, number, match.group()


def readmes(tree):
    """Each folder of daemon/, data/ and tests/ has a README.md of at most 25 lines."""
    for folder in tree.folders():
        if not re.match(r'(daemon|data|tests)(/|$)', folder) or '/fixtures' in folder:
            continue
        file = tree.by_path.get(folder + '/README.md')
        if file is None:
            yield folder, 0, 'no README.md'
        elif len(file.lines) > README_LINES_MAX:
            yield file.path, 0, f'{len(file.lines)} lines'


def no_output(tree):
    """Nothing that a program made is in the repository."""
    made = re.compile(r'(^|/)(build[^/]*|__pycache__|meson-logs|\.cache)/'
                      r'|\.(o|a|so|pyc|gcda|gcno|db-wal|db-shm|log|orig|rej|swp)$'
                      r'|gemel-bus-generated')
    for file in tree.files:
        if made.search(file.path):
            yield file.path, 0, 'is made by a program'


def no_machine(tree):
    """Nothing tells on which machine the text was written, or needs one package host."""
    hints = re.compile(r'/(home|work|Users)/[a-z]|/root/|\.internal\b'
                       r'|\bhttps?://(deb|mirror|packages?|registry|repo)\.')
    for file in tree.files:
        if file.name == 'LICENSE' or file.path.startswith('tests/tidy/'):
            continue
        for number, line in enumerate(file.lines, 1):
            if (match := hints.search(line)):
                yield file.path, number, f'names {match.group()}'


def links(tree):
    """A file that a text links to is there."""
    for file in tree.ending('.md'):
        for number, line in enumerate(file.lines, 1):
            for target in re.findall(r'\]\(([^)#\s]+)', line):
                path = os.path.normpath(os.path.join(tree.root, file.folder, target))
                if '://' not in target and not os.path.exists(path):
                    yield file.path, number, f'{target} is not there'


def registered(tree):
    """Each test is named in the meson.build of its folder."""
    for file in tree.files:
        test = re.match(r'test-(.+)\.c$|(test_\w+\.py|\w+_test\.py)$', file.name)
        if not test or not file.folder.startswith('tests/'):
            continue
        build = tree.by_path.get(file.folder + '/meson.build')
        # A foreach names the last words alone.
        words = file.stem.split('-')
        names = [file.name, file.stem] + ['-'.join(words[i:]) for i in range(1, len(words))]
        if build is None or not any(f"'{name}'" in build.text for name in names):
            yield file.path, 0, f'{file.folder}/meson.build does not run it'


RULES = [
    ('licence', licence),
    ('file-head', file_head),
    ('arrows', arrows),
    ('columns', columns),
    ('commits', commits),
    ('finished', finished),
    ('readmes', readmes),
    ('no-output', no_output),
    ('no-machine', no_machine),
    ('links', links),
    ('registered', registered),
]
