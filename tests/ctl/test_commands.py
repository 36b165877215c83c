#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""The commands of gemelctl against a service that answers as a test wishes."""
import json
import os
import subprocess

from stage import Stage
from tap import Skip, run

STAGE = Stage()
ctl = STAGE.run

HAPPY = [
    ('status', 'node-a is active (master); node-b is level and ready.'),
    ('status --all', 'takeovers'),
    ('watch --count 1', 'term 4: node-a is active'),
    ('pair status', 'node-a (master) is paired with node-b at 10.0.0.2'),
    ('pair invite --address h:1', 'CODEh:1'),
    ('pair join CODE', 'Done'),
    ('pair remove --yes', 'no peer any more'),
    ('failover', 'Switchover done'),
    ('failover --no-wait', 'job 1'),
    ('failover --force-active --yes-i-know node-a', 'Forced'),
    ('resync config', 'Re-sync done'),
    ('jobs', 'the standby is not level'),
    ('events', 'changeover'),
    ('events --severity info --code changeover --since -10min --until now', 'user'),
    ('log', 'hello'),
    ('log --limit 1', 'hello'),
    ('log level link debug', 'level debug'),
    ('log merge link on', 'merge on'),
    ('log providers', 'link'),
    ('config get demo text', '{"a": 1}'),
    ('config get demo bytes', '0xff00'),
    ('config set demo k v', 'durability pair'),
    ('config set demo k v --durability local', 'seq 1, durability local'),
    ('config delete demo k', 'deleted: term 4, seq 8'),
    ('config list', '0xff00'),
    ('config list demo --prefix t', 'demo'),
    ('config info', 'term 4, seq 9'),
    ('state post alarms k v', 'seq 10'),
    ('state delete alarms k', 'seq 1,'),
    ('state get alarms k', 'acked'),
    ('state list alarms', 'a1'),
    ('state providers', 'alarms'),
    ('history write cpu 1', 'seq 12'),
    ('history write cpu --type string -- -x', 'seq 12'),
    ('history query', 'bad 0x80000000'),
    ('history ledger', 'GAPS'),
    ('history stats', '12'),
    ('settings list', 'How long.'),
    ('settings get failover.timeout-ms', '2'),
    ('settings set failover.timeout-ms 2', '= 2 ms'),
    ('settings reset failover.timeout-ms', 'built-in'),
    ('settings describe failover.timeout-ms', '1..9'),
    ('modules', 'sysmon'),
    ('series config pending', '2.5'),
    ('describe', '"serial"'),
]


def test_happy_paths():
    """Each command says what it should."""
    for words, expected in HAPPY:
        out, _ = ctl(*words.split())
        assert expected in out, f'{words}: {out}'
        assert '\x1b' not in out, words


def test_json():
    """Each command prints JSON that parses, with the common option before or after it."""
    for words, _ in HAPPY:
        last = words.replace(' -- ', ' --json -- ') if ' -- ' in words else words + ' --json'
        for line in (ctl('--json', *words.split())[0], ctl(*last.split())[0]):
            assert isinstance(json.loads(line), (dict, list)), words
    status = json.loads(ctl('status', '--json')[0])
    assert status['ready'] is True and status['node']['term'] == 4
    assert json.loads(ctl('--json', 'config', 'list')[0])[1]['value_hex'] == 'ff00'
    assert [e['id'] for e in json.loads(ctl('events', '--limit', '2', '--json')[0])] == [2, 3]


def test_options_between_the_words():
    """An option may stand before, between and after the two words of a command."""
    for words in ('--json pair status', 'pair --json status', 'pair status --json',
                  'log --json providers', 'pair --json --address h:1 invite',
                  'pair --timeout 9 --yes remove --json', 'log --json level link debug'):
        assert isinstance(json.loads(ctl(*words.split())[0]), (dict, list)), words
    assert 'CODEh:1' in ctl('pair', '--address', 'h:1', 'invite')[0]
    assert 'no peer any more' in ctl('pair', '-y', 'remove')[0]
    assert 'hello' in ctl('log', '--limit', '1')[0]
    assert 'one-time code' in ctl('pair', '--help', 'invite')[0]
    for words, expected in (('pair --json', 'needs one more word'), ('pair --json xyz', 'pair'),
                            ('pair -- invite', 'needs one more word'),
                            ('pair --timeout x invite', '--timeout'),
                            ('pair --foo invite', 'Unknown option')):
        assert expected in ctl(*words.split(), code=2)[1], words


def test_every_command_is_tested():
    """The list above misses none."""
    for name in ctl('completion-words', 'commands')[0].splitlines():
        assert any(words.startswith(name) for words, _ in HAPPY), name


def test_values():
    """Bytes go in and come out as they are."""
    path = STAGE.folder.name + '/value'
    with open(path, 'wb') as file:
        file.write(b'\x00\xff\n')
    assert 'seq 3' in ctl('config', 'set', 'demo', 'k', '--file', path)[0]
    assert 'seq 4' in ctl('config', 'set', 'demo', 'k', '-', stdin=b'1234')[0]
    raw = subprocess.run([os.environ['GEMELCTL'], '--bus-address', STAGE.address, 'config', 'get',
                          'demo', 'bytes', '--raw'], capture_output=True, check=True).stdout
    assert raw == b'\xff\x00'
    ctl('config', 'set', 'demo', 'k', '-', stdin=b'x' * (256 * 1024 + 1), code=2)
    csv = ctl('history', 'query', '--csv')[0].splitlines()
    assert csv[1].startswith('cpu,1795385593000000,0,1.5,') and csv[2].startswith('"a,""b""",')


def test_exit_codes():
    """Each class of error has its code, and no D-Bus words in its line."""
    for name, code in (('NotFound', 1), ('InvalidArgs', 2), ('NotAuthorized', 3),
                       ('NotAuthority', 5), ('NotActive', 5), ('Switching', 5), ('NotPaired', 5),
                       ('NotLevel', 5), ('Store', 1)):
        _, err = ctl('config', 'get', 'demo', name, code=code)
        assert err == f'gemelctl: it is {name}\n', err
    ctl('history', 'ledger', '--check', code=1)
    STAGE.wish('refuse')
    _, err = ctl('failover', code=5)
    STAGE.forget('refuse')
    assert 'not level' in err


def test_no_daemon():
    """Neither a bus without the daemon nor no bus at all is confusing."""
    assert 'start gemeld' in ctl('status', address='unix:path=/nonexistent', code=4)[1]
    assert 'no daemon' in ctl('watch', address='nonsense', code=4)[1]


WRONG = [
    ('staus', 'did you mean “status”'),
    ('pair', 'pair invite'),
    ('config gett a b', 'did you mean'),
    ('xyzzy', '--help'),
    ('', 'which command'),
    ('status x', 'unexpected'),
    ('config get a', 'missing'),
    ('status --foo', 'Unknown option'),
    ('events --since gestern', 'no time'),
    ('events --severity loud', 'critical'),
    ('events --code foo', 'no event'),
    ('events --limit 0', 'limit'),
    ('log --level loud', 'trace'),
    ('log merge link maybe', 'on or off'),
    ('--timeout 0 status', 'timeout'),
    ('config set a b', 'value'),
    ('config set a b c --durability x', 'local or pair'),
    ('history write t x', 'no value'),
    ('history write t -5', 'put --'),
    ('history write t 1 --status bad', 'status code'),
    ('failover --force-active', '--yes-i-know'),
    ('failover node-b', '--force-active'),
    ('failover --wait --no-wait', 'either'),
    ('settings get timeout', 'did you mean'),
    ('watch --count 0', 'count'),
    ('pair remove', '--yes'),
]


def test_bad_usage():
    """Says what is wrong and what would be right."""
    for words, expected in WRONG:
        _, err = ctl(*words.split(), stdin=b'', code=2)
        assert expected in err and err.count('\n') == 1, f'{words}: {err}'
    done = subprocess.run([os.environ['GEMELCTL'], 'config', 'get', 'demo', b'\xff'],
                          capture_output=True, check=False)
    assert done.returncode == 2, done


def test_help():
    """Help needs no daemon and documents the exit codes."""
    for name in [''] + ctl('completion-words', 'commands')[0].splitlines():
        out, _ = ctl(*name.split(), '--help', address='unix:path=/nonexistent')
        assert 'Exit codes' in out and '--json' in out, name
    assert ctl('--version')[0].startswith('gemelctl ')


def complete(*words):
    """What the completion offers for the last word."""
    script = '''source "$GEMEL_COMPLETION"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
                _gemelctl; printf '%s\\n' "${COMPREPLY[@]}"'''
    done = subprocess.run(['bash', '-c', script, 'bash', os.environ['GEMELCTL'], *words],
                          capture_output=True, check=True, timeout=30,
                          env=dict(os.environ, GEMEL_BUS_ADDRESS=STAGE.address))
    return done.stdout.decode().split()


def test_completion():
    """Commands, sub-commands, options, values and names are completed."""
    subprocess.run(['bash', '-n', os.environ['GEMEL_COMPLETION']], check=True)
    assert complete('sta') == ['state', 'status']
    assert complete('pair', '') == ['invite', 'join', 'remove', 'status']
    assert complete('status', '--al') == ['--all']
    assert complete('events', '--severity', 'w') == ['warning']
    assert 'changeover' in complete('events', '--code', 'chan')
    assert complete('settings', 'get', 'fail') == ['failover.timeout-ms']
    assert complete('--json', 'resync', 'st') == ['state/alarms']
    assert complete('state', 'get', '') == ['alarms']


def test_completion_lint():
    """shellcheck has nothing to say."""
    try:
        subprocess.run(['shellcheck', os.environ['GEMEL_COMPLETION']], check=True)
    except FileNotFoundError as missing:
        raise Skip('shellcheck is not installed') from missing


if __name__ == '__main__':
    try:
        STAGE.start_service()
        run([('/ctl/' + name[5:].replace('_', '-'), function)
             for name, function in list(globals().items()) if name.startswith('test_')])
    finally:
        STAGE.end()
