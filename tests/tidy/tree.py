# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""The repository as the rules see it: its files, their lines, and the functions of C files.

C is read by its layout (the name of a function and its braces stand in column one), which
clang-format keeps; it is no parser and needs none.
"""
import os
import re
import subprocess

FIXTURES = 'tests/fixtures/tidy/'
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
NAME = re.compile(r'^([A-Za-z_]\w*) ?\(', re.MULTILINE)
BODY = re.compile(r'(\s*G_GNUC_\w+(\s*\([^()]*\))?)*\s*\{')


def closing(text, start):
    """Returns the index behind the parenthesis that closes the one at start."""
    depth = 0
    for index in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[index], 0)
        if depth == 0:
            return index + 1
    return len(text)


def split_parameters(text):
    """Splits 'int a, void (*b) (int, int)' at its outer commas and returns the names."""
    names = []
    depth, part = 0, ''
    for char in text + ',':
        depth += {'(': 1, ')': -1}.get(char, 0)
        if char == ',' and depth == 0:
            pointer = re.search(r'\(\s*\*\s*(\w+)', part)
            words = re.findall(r'\w+', re.sub(r'G_GNUC_\w+|\[[^\]]*\]', '', part))
            if pointer:
                names.append(pointer.group(1))
            elif words and words != ['void']:
                names.append(words[-1])
            elif '...' in part:
                names.append('...')
            part = ''
        else:
            part += char
    return names


class Function:
    """A function definition of a C file; lines count from one."""

    def __init__(self, source, name, parameters, start, first, last):
        self.source, self.name, self.parameters = source, name, parameters
        self.start, self.first, self.last = start, first, last

    @property
    def length(self):
        """Lines from the name to the closing brace."""
        return self.last - self.first + 1

    @property
    def head(self):
        """What stands between the end of the previous item and the name, comments blanked."""
        before = self.source.code[:self.start]
        cut = max(before.rfind(';'), before.rfind('}'), before.rfind('\n\n'))
        return before[cut + 1:]

    @property
    def is_static(self):
        """Whether only its file can call it."""
        return re.search(r'\bstatic\b', self.head) is not None

    @property
    def docstring(self):
        """The gtk-doc block that ends right before the return type, or None."""
        before = self.source.text[:self.start]
        found = re.search(r'/\*\*\n((?:(?!\*/).)*)\*/\n(?:(?!\n\n)[^;{}])*\Z', before, re.DOTALL)
        return found.group(1) if found else None


class File:
    """One file; code is its text with comments and strings blanked, line by line the same."""

    def __init__(self, root, path):
        self.path = path
        self.folder, self.name = os.path.split(path)
        self.stem, self.ending = os.path.splitext(self.name)
        with open(os.path.join(root, path), encoding='utf-8', errors='replace') as file:
            self.text = file.read()
        self.lines = self.text.splitlines()
        self.code = self.text
        self.functions = []
        if self.ending in ('.c', '.h'):
            self.code = NOISE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), self.text)
            self.functions = list(self._find_functions())

    @property
    def part(self):
        """The folder below daemon/ ('' for the node), or None outside of daemon/."""
        pieces = self.folder.split('/')
        if pieces[0] != 'daemon':
            return None
        return pieces[1] if len(pieces) > 1 else ''

    @property
    def includes(self):
        """(line number, what is included with its quotes or brackets)."""
        return [(number, match.group(1)) for number, line in enumerate(self.lines, 1)
                if (match := re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line))]

    def line_of(self, index):
        """The number of the line that holds a character."""
        return self.text.count('\n', 0, index) + 1

    def find(self, pattern):
        """(line number, match) for each place in the code, comments and strings left out."""
        for match in re.finditer(pattern, self.code, re.MULTILINE):
            yield self.line_of(match.start()), match

    def _find_functions(self):
        position = 0
        while (match := NAME.search(self.code, position)):
            position = match.end()
            behind = closing(self.code, match.end() - 1)
            body = BODY.match(self.code, behind)
            if not body:
                continue
            end = self.code.find('\n}', body.end() - 1)
            end = len(self.code) - 1 if end < 0 else end + 1
            yield Function(self, match.group(1),
                           split_parameters(self.code[match.end():behind - 1]),
                           match.start(), self.line_of(match.start()), self.line_of(end))
            position = end


class Tree:
    """All files of a folder: those that git knows, or all of them where there is no git."""

    def __init__(self, root, use_git=True):
        self.root = root
        self.has_git = use_git and os.path.exists(os.path.join(root, '.git'))
        self.files = [File(root, path) for path in self._paths()]
        self.by_path = {file.path: file for file in self.files}

    def git(self, *words):
        """The lines that a git command prints; none when it cannot run here."""
        try:
            done = subprocess.run(['git', '-c', 'safe.directory=*', '-C', self.root, *words],
                                  capture_output=True, text=True, check=False)
        except OSError:
            return []
        return done.stdout.splitlines() if done.returncode == 0 else []

    def ending(self, *endings):
        """The files with one of these endings."""
        return [file for file in self.files if file.ending in endings]

    def folders(self):
        """Every folder that holds a file, and every folder above one."""
        found = set()
        for file in self.files:
            folder = file.folder
            while folder:
                found.add(folder)
                folder = os.path.dirname(folder)
        return sorted(found)

    def subjects(self):
        """(commit, first line of its message); a sample brings its own in commits.txt."""
        if 'commits.txt' in self.by_path:
            return [('sample', line) for line in self.by_path['commits.txt'].lines]
        if not self.has_git:
            return []
        return [tuple(line.split(' ', 1))
                for line in self.git('log', '--no-merges', '--format=%h %s')]

    def _paths(self):
        paths = self.git('ls-files', '--cached', '--others', '--exclude-standard') \
            if self.has_git else []
        if not paths:
            for folder, folders, names in os.walk(self.root):
                folders[:] = [name for name in folders if not re.match(r'\.git$|build', name)]
                paths += [os.path.relpath(os.path.join(folder, name), self.root) for name in names]
        return sorted({path for path in paths if not path.startswith(FIXTURES)
                       and os.path.isfile(os.path.join(self.root, path))})
