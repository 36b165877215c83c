# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""A service with the names and types of gemeld, and answers that a test chooses.

The interfaces are read from the XML files of data/dbus, so that a call with a wrong type fails here
as it would at the daemon. Runs as a process of its own: fake_service.py BUS-ADDRESS WISHES.

WISHES is a folder; a file in it changes an answer from the next call on:
  refuse  failover ends as a job that failed
  term    the term of the node (text), and one event for each term since 4
  resync  the job of a re-sync runs: "still" it does not move, "crawl" it moves a little at each
          look; it is done when the file is gone
SIGUSR1 makes it send the signals that go with a change.
"""
import json
import os
import signal
import sys

from gi.repository import Gio, GLib

NAME = 'org.gemel.Gemel1'
PATH = '/org/gemel/Gemel1'
ORIGIN = bytes(range(16))
NOW = 1795385593000000
DESCRIBE = {
    'serial': 5, 'usec': NOW,
    'node': {'name': 'node-a', 'role': 'master', 'activity_level': 'active', 'state': 'active',
             'paired': True, 'term': 4},
    'peer': {'name': 'node-b', 'role': 'backup', 'activity_level': 'warm', 'alive': True,
             'connected': True, 'synced': True, 'eligible': True},
    'providers': [{'name': 'config', 'source': True, 'pending_updates': 3},
                  {'name': 'state/alarms', 'source': False}],
    'counters': {'takeovers': 1}}
JOB = {'Operation': 's:failover', 'Progress': 'd:1', 'Result': 's:done', 'Message': 's:',
       'StartedUSec': f't:{NOW}', 'Cancellable': 'b:'}
FAILED = dict(JOB, Result='s:failed', Message='s:the standby is not level')
SETTING = ('failover.timeout-ms', 'int', 'ms', '1..9', '2', '2', 'built-in', 'node', 'How long.',
           False)
PROPERTIES = {
    ('node', 'Node'): {'Name': 's:node-a', 'Role': 's:master', 'Paired': 'b:1',
                       'Fingerprint': 's:AA', 'PairUuid': 's:u'},
    ('peer', 'Peer'): {'Name': 's:node-b', 'Address': 's:10.0.0.2', 'Connected': 'b:1',
                       'LevelSinceUSec': f't:{NOW - 1000000}'},
    ('node', 'Config'): {'Records': 't:2', 'HeadSeq': 't:9', 'HeadTerm': 't:4',
                         'HeadHash': 's:ab', 'Lineage': 's:l'},
    ('node', 'History'): {'Written': 't:12'},
    ('job/1', 'Job'): JOB,
    ('job/2', 'Job'): FAILED,
}


def wish(name):
    """What the test wants by that name; None when nothing."""
    try:
        with open(os.path.join(sys.argv[2], name), encoding='utf-8') as file:
            return file.read()
    except FileNotFoundError:
        return None


def term():
    """The term of the node."""
    return int(wish('term') or 4)


def describe(_options):
    """The snapshot; its serial grows with the term."""
    node = dict(DESCRIBE['node'], term=term())
    return (json.dumps(dict(DESCRIBE, node=node, serial=term() + 1)),)


LOOKS = []  # at the job of a re-sync


def resync_job():
    """Its properties at this look."""
    wanted = wish('resync')
    if wanted is None:
        return dict(JOB, Operation='s:resync')
    LOOKS.append(wanted)
    progress = 0.5 + 0.0001 * len(LOOKS) if wanted == 'crawl' else 0.5
    return dict(JOB, Operation='s:resync', Result='s:', Progress=f'd:{progress}')


class Failure(Exception):
    """Raised by an answer: its text is the name of the error."""


def variant(text):
    """A property from its "type:value"."""
    kind, value = text.split(':', 1)
    return GLib.Variant(kind, {'s': str, 'd': float, 't': int, 'b': bool}[kind](value))


def page(rows, after):
    """Everything on the first page, nothing on the next."""
    return ([] if after else rows,)


def config_get(_provider, key, _options):
    """The key chooses what happens: a value, or the error of that name."""
    values = {'text': b'{"a": 1}', 'bytes': b'\xff\x00'}
    if key not in values:
        raise Failure(key)
    return (values[key],)


def all_events():
    """Three, and one for each later term; oldest first."""
    return [(n, NOW + n, 'warning' if n % 2 else 'info', 'changeover', 4, 'user', 'node-a', '',
             f'event \x1b{n}', 0, 0) for n in range(1, term())]


def events(options):
    """Newest first, before and limit obeyed."""
    rows = [e for e in reversed(all_events())
            if options.get('after', 0) < e[0] < options.get('before', 99)]
    if options.get('code') == 'switchover-failed':
        return ([(9, NOW, 'warning', 'switchover-failed', 4, 'not-level', 'node-a', '', '', 0, 0)],)
    return (rows[:options['limit']],)


ANSWERS = {
    'Node.Describe': describe,
    'Node.RequestFailover': lambda o: (PATH + ('/job/1' if wish('refuse') is None else '/job/2'),),
    'Node.ForceActive': lambda o: (PATH + '/job/1',),
    'Node.ForceResync': lambda p, o: (PATH + '/job/3',),
    'Node.ListSettings': lambda o: ([SETTING],),
    'Node.SetSetting': lambda n, v, o: (),
    'Node.ResetSetting': lambda n, o: (),
    'Node.DescribeModules': lambda o: ([('sysmon', 'active', 'running', 7, 0, NOW)],),
    'Pairing.Invite': lambda a, o: ('CODE' + a, NOW),
    'Pairing.Join': lambda c, o: (PATH + '/job/1',),
    'Pairing.Unpair': lambda o: (),
    'Config.Get': config_get,
    'Config.Set': lambda p, k, v, o: (4, len(v), o.get('durability', 'pair')),
    'Config.Delete': lambda p, k, o: (4, 8, 'local'),
    'Config.List': lambda p, x, after, n, o: page(
        [('demo', 'text', b'{"a": 1}', 7), ('demo', 'bytes', b'\xff\x00', 8)], after),
    'State.Post': lambda p, s, d, o: (4, 10 * len(s) + len(d), 'pair'),
    'State.Get': lambda p, k, o: (b'acked', 4, 2),
    'State.List': lambda p, x, after, n, o: page([('a1', b'acked', 4, 2)], after),
    'State.ListProviders': lambda o: (['alarms'],),
    'History.Write': lambda p, o: (12,),
    'History.Query': lambda t, f, to, n, o: (
        [('cpu', NOW, 0, GLib.Variant('d', 1.5), ORIGIN, 3),
         ('a,"b"', NOW, 0x80000000, GLib.Variant('s', 'x'), ORIGIN, 4)],),
    'History.Ledger': lambda o: ([(ORIGIN, 10, 1, 11, 11, 1, 0)],),
    'Events.List': events,
    'Log.List': lambda o: ([] if o.get('after') or o.get('before')
                           else [(1, NOW, 'link', 'info', 'hello')],),
    'Log.SetLevel': lambda p, v, o: (),
    'Log.SetMerge': lambda p, v, o: (),
    'Log.ListProviders': lambda o: ([('link', 'info', False)],),
    'Provider.GetSeries': lambda s, f, t, n, o: ([(NOW, 2.5)],),
}


def on_call(path, interface, method, parameters, invocation, infos):
    """Answers one call."""
    short = path[len(PATH) + 1:]
    try:
        if method == 'GetAll':
            values = PROPERTIES.get((short, parameters.unpack()[0].rsplit('.', 1)[-1]), {})
            if short == 'job/3':
                values = resync_job()
            found = {name: variant(text) for name, text in values.items()}
            invocation.return_value(GLib.Variant('(a{sv})', (found,)))
        elif method == 'GetManagedObjects':
            objects = {f'{PATH}/{p}': {f'{NAME}.{i}': {name: variant(text)
                                                       for name, text in values.items()}}
                       for (p, i), values in PROPERTIES.items()}
            invocation.return_value(GLib.Variant('(a{oa{sa{sv}}})', (objects,)))
        else:
            name = interface.rsplit('.', 1)[-1]
            result = ANSWERS[f'{name}.{method}'](*parameters.unpack())
            types = ''.join(a.signature for a in infos[name].lookup_method(method).out_args)
            invocation.return_value(GLib.Variant(f'({types})', result))
    except Failure as failure:
        invocation.return_dbus_error(f'{NAME}.Error.{failure}', f'it is {failure}')


def read_interfaces():
    """Last word of the name and description of each interface of data/dbus."""
    infos = {}
    for file in os.listdir(os.environ['GEMEL_DBUS_XML']):
        if file.endswith('.xml'):
            with open(os.path.join(os.environ['GEMEL_DBUS_XML'], file), encoding='utf-8') as text:
                info = Gio.DBusNodeInfo.new_for_xml(text.read()).interfaces[0]
            infos[info.name.rsplit('.', 1)[-1]] = info
    return infos


def send_signals(connection):
    """What a daemon sends after a change: of its properties, and of an event."""
    changed = GLib.Variant('(sa{sv}as)', (f'{NAME}.Node', {'Term': GLib.Variant('t', term())}, []))
    connection.emit_signal(None, PATH + '/node', 'org.freedesktop.DBus.Properties',
                           'PropertiesChanged', changed)
    connection.emit_signal(None, PATH + '/node', f'{NAME}.Events', 'Added',
                           GLib.Variant('(ttsstssssxx)', all_events()[-1]))
    return True


def main():
    """Serves until killed."""
    infos = read_interfaces()
    flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
             Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
    connection = Gio.DBusConnection.new_for_address_sync(sys.argv[1], flags, None, None)

    def on_message(_connection, message, incoming):
        return message if not incoming else handle(message)

    def handle(message):
        if (message.get_message_type() != Gio.DBusMessageType.METHOD_CALL or
                not (message.get_path() or '').startswith(PATH)):
            return message
        GLib.idle_add(reply, message)
        return None

    def reply(message):
        answer = Invocation(connection, message)
        on_call(message.get_path(), message.get_interface(), message.get_member(),
                message.get_body() or GLib.Variant('()', ()), answer, infos)
        return False

    connection.add_filter(on_message)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, send_signals, connection)
    connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                         'RequestName', GLib.Variant('(su)', (NAME, 0)), None, 0, -1, None)
    print('ready', flush=True)
    GLib.MainLoop().run()


class Invocation:
    """Sends the answer to a message."""

    def __init__(self, connection, message):
        self.connection = connection
        self.message = message

    def return_value(self, value):
        """A good answer."""
        reply = Gio.DBusMessage.new_method_reply(self.message)
        reply.set_body(value)
        self.connection.send_message(reply, Gio.DBusSendMessageFlags.NONE)

    def return_dbus_error(self, name, text):
        """An error."""
        reply = Gio.DBusMessage.new_method_error_literal(self.message, name, text)
        self.connection.send_message(reply, Gio.DBusSendMessageFlags.NONE)


if __name__ == '__main__':
    main()
