# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Rules for one C file at a time. A rule takes a Tree and yields (path, line, what is wrong)."""
import re

FUNCTION_LINES_MAX = 70

STATIC_DATA = r'^[ \t]*static\s+(?!inline)([^;={}()]*?)\s*(\[[^;=]*\])?\s*[=;]'
PROTOTYPE = r'^(?:[A-Za-z_][\w *]*?[ *])?(\w+) \([^;{}]*?\)[^;{}()]*;'

# What the core may not call: time, chance, output, files, memory, order by address.
CORE_BANNED = '|'.join((
    r'g_get_(monotonic|real)_time|time|clock_gettime|gettimeofday',
    r'g_random\w*|g_rand_\w+|rand|random|getenv|g_getenv|setlocale|strtod|atof',
    r'g_log\w*|g_message|g_warning|g_debug|g_print\w*|printf|fprintf',
    r'malloc|calloc|realloc|free|g_malloc\w*|g_new\w*|g_free|g_slice_\w+|g_strn?dup|g_strdup_\w+',
    r'g_strconcat|g_hash_table_\w+|g_array_\w+|g_ptr_array_\w+|g_list_\w+',
    r'g_thread_\w+|g_mutex_\w+|g_timeout_\w+|g_idle_\w+|g_source_\w+',
))
CORE_INCLUDES = re.compile(r'<glib\.h>|<string\.h>|"api/gemel-enums\.h"|"core/[\w-]+\.h"')

LOG_API = (r'g_log\w*|g_message|g_warning|g_debug|g_info|g_critical|g_error|g_print\w*'
           r'|v?f?printf|puts|fputs|perror|syslog|sd_journal_\w+')
GLIB_LOG_API = r'g_log\w*|g_message|g_warning|g_debug|g_info|g_critical|g_error'
# Programs speak to a terminal; a library does not.
PROGRAMS = re.compile(r'daemon/(main\.c|guard/.*|ctl/.*)$')

SYNC_CALLS = (r'g_\w+_sync|g_file_(get|set)_contents\w*|g_file_load_contents|fopen|fsync|fdatasync'
              r'|sleep|usleep|nanosleep|g_usleep|system|popen|getaddrinfo|gethostbyname')
# store/ has threads of its own, guard/ and ctl/ no main loop to hold up, main.c only its start.
SYNC_ALLOWED = re.compile(r'daemon/(main\.c|store/.*|guard/.*|ctl/.*)$')


def _daemon(tree, *endings):
    return [file for file in tree.ending(*endings) if file.part is not None]


def _calls(file, names):
    for line, match in file.find(r'(?<![\w.>])(' + names + r')\s*\('):
        yield line, match.group(1)


def _prefixes(tree, header):
    """What names may start with: file, folder, the files beside it, the types in it."""
    stems = [file.stem for file in tree.ending('.c') if file.folder == header.folder]
    nouns = stems + [header.stem.replace('-private', ''), 'gemel-' + (header.part or 'node')]
    words = [noun.split('-') for noun in nouns if noun.startswith('gemel-')]
    # A family of files shares its first noun, and one of them is a singular.
    found = {'_'.join(word[:2]).rstrip('s') for word in words}
    for _, match in header.find(r'^(?:typedef [^;{}()]*?|\} )\b(Gemel\w+);'):
        found.add(re.sub(r'(?<!^)(?=[A-Z])', '_', match.group(1)).lower())
    return tuple(sorted(found))


def symbols(tree):
    """What a header declares starts with the prefix of its file, its folder or one of its types."""
    for file in _daemon(tree, '.h'):
        prefixes = _prefixes(tree, file)
        for line, match in file.find(PROTOTYPE):
            name = match.group(1)
            if match.group(0).startswith(('G_', 'typedef')) or '\n\n' in match.group(0):
                continue
            # In capitals it is a macro that declares one.
            if not name.isupper() and not name.startswith(prefixes):
                yield file.path, line, f'{name} has not the prefix of its file, folder or type'
        for line, match in file.find(r'^#\s*define (\w+)'):
            if not match.group(1).startswith(('GEMEL_', '_GEMEL')):
                yield file.path, line, f'{match.group(1)} does not start with GEMEL_'


def core_pure(tree):
    """The core includes glib alone, calls nothing impure, and is linked against glib alone."""
    for file in tree.files:
        if file.part != 'core':
            continue
        for line, name in file.includes:
            if not CORE_INCLUDES.match(name):
                yield file.path, line, f'the core may not include {name}'
        if file.ending in ('.c', '.h'):
            for line, name in _calls(file, CORE_BANNED):
                yield file.path, line, f'the core may not call {name}'
            for line, match in file.find(r'\b(float|double|gfloat|gdouble)\b'):
                yield file.path, line, f'the core has no {match.group(1)}'
        if file.name == 'meson.build':
            for line, match in file.find(r'\b(?!glib_dep)\w+_dep\b(?!\s*=)'):
                yield file.path, line, f'the core may not depend on {match.group()}'


def log_api(tree):
    """Only gemel-log*.c calls the log API, and only programs print."""
    for file in _daemon(tree, '.c', '.h'):
        if file.name.startswith('gemel-log'):
            continue
        for line, name in _calls(file, GLIB_LOG_API if PROGRAMS.match(file.path) else LOG_API):
            yield file.path, line, f'{name} is called outside of gemel-log*.c'


def no_goto(tree):
    """No goto."""
    for file in tree.ending('.c', '.h'):
        for line, _ in file.find(r'\bgoto\b'):
            yield file.path, line, 'goto'


def static_mutable(tree):
    """No static data that can change."""
    for file in _daemon(tree, '.c', '.h'):
        for line, match in file.find(STATIC_DATA):
            words = match.group(1)
            if not re.search(r'\bconst\b', words) or re.search(r'\*\s*\w+\s*$', words):
                yield file.path, line, f'{words.split()[-1]} can change'


def unused_result(tree):
    """A function that reports a GError is declared G_GNUC_WARN_UNUSED_RESULT."""
    for file in tree.ending('.h'):
        for match in re.finditer(r'[^;{}]+;', re.sub(r'^#.*$', '', file.code, flags=re.MULTILINE)):
            text = match.group().strip()
            name = re.search(r'(\w+) \(', text)
            if not re.search(r'\bGError\s+\*\*\w*\)[^()]*;', text) or not name or '(*' in text:
                continue
            returns_nothing = re.match(r'(static inline )?void\s+[^*\s]', text)
            if not returns_nothing and 'G_GNUC_WARN_UNUSED_RESULT' not in text:
                line = next(file.find(r'\b' + name.group(1) + r' \('))[0]
                yield file.path, line, f'{name.group(1)} lets its error be ignored'


def docstrings(tree):
    """A function that others call has a gtk-doc block: each parameter, and Thread:."""
    for file in _daemon(tree, '.c'):
        for function in file.functions:
            if function.is_static or function.name == 'main':
                continue
            text = function.docstring
            if text is None:
                yield file.path, function.first, f'{function.name} has no docstring'
                continue
            if not re.match(r' \* ' + function.name + r':', text):
                yield file.path, function.first, f'the docstring is not that of {function.name}'
            for name in function.parameters:
                if not re.search(r'@' + re.escape(name) + r':', text):
                    yield file.path, function.first, f'{function.name}: @{name}: is missing'
            if 'Thread:' not in text:
                yield file.path, function.first, f'{function.name}: Thread: is missing'


def no_sync_calls(tree):
    """Nothing in the daemon waits for a disk, a bus or a name server on a thread with a loop."""
    for file in _daemon(tree, '.c', '.h'):
        if SYNC_ALLOWED.match(file.path):
            continue
        for line, name in _calls(file, SYNC_CALLS):
            yield file.path, line, f'{name} blocks'


def function_length(tree):
    """No function is longer than 70 lines."""
    for file in tree.ending('.c', '.h'):
        for function in file.functions:
            if function.length > FUNCTION_LINES_MAX:
                yield file.path, function.first, f'{function.name} has {function.length} lines'


RULES = [
    ('symbols', symbols),
    ('core-pure', core_pure),
    ('log-api', log_api),
    ('no-goto', no_goto),
    ('static-mutable', static_mutable),
    ('unused-result', unused_result),
    ('docstrings', docstrings),
    ('no-sync-calls', no_sync_calls),
    ('function-length', function_length),
]
