# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""A real pair on this machine: two guards, two daemons, two private buses, one folder.

Nothing is shared between the nodes but the loopback interface. Every process is started here and
ended here, by its id. Waiting is always for a condition, never for a time.
"""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from gi.repository import Gio, GLib

BUS_NAME = 'org.gemel.Gemel1'
NODE_PATH = '/org/gemel/Gemel1/node'
PEER_PATH = '/org/gemel/Gemel1/peer'
PATIENCE = float(os.environ.get('GEMEL_TEST_PATIENCE', '60'))

BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
'''


def free_port():
    """A port that is free for TCP and UDP on loopback at this moment."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(('127.0.0.1', 0))
            port = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(('127.0.0.1', port))
                    return port
                except OSError:
                    continue
    raise RuntimeError('no free port')


def wait_for(what, condition, patience=None):
    """Calls condition until it returns something true; returns that, or fails naming `what`."""
    end = time.monotonic() + (patience or PATIENCE)
    pause = 0.002
    while True:
        try:
            value = condition()
        except GLib.Error:
            value = None
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited in vain: {what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def error_name(error):
    """The D-Bus error name of a GLib.Error, without org.gemel.Gemel1.Error."""
    name = Gio.dbus_error_get_remote_error(error) or ''
    return name.rsplit('.', 1)[-1]


def children_of(pid):
    """Process ids of the children of pid."""
    found = []
    for task in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as listing:
                found += [int(word) for word in listing.read().split()]
        except FileNotFoundError:
            pass
    return found


class Node:
    """One node: its bus, its guard with its daemon, and calls to it."""

    def __init__(self, folder, name, settings=None, modules='', guard=True):
        self.folder = os.path.join(folder, name)
        self.name = name
        self.port = free_port()
        self.settings = settings or {}
        self.modules = modules
        self.use_guard = guard
        self.process = None
        self.connection = None
        os.makedirs(self.folder, mode=0o700)
        self.bus_address = self._start_bus()
        self.log_path = os.path.join(self.folder, 'log')

    def _start_bus(self):
        path = os.path.join(self.folder, 'bus')
        config = os.path.join(self.folder, 'bus.conf')
        with open(config, 'w', encoding='utf-8') as file:
            file.write(BUS_CONFIG.format(path=path))
        self.bus = subprocess.Popen(['dbus-daemon', f'--config-file={config}', '--nofork'],
                                    stderr=subprocess.DEVNULL)
        wait_for('the bus of ' + self.name, lambda: os.path.exists(path))
        return 'unix:path=' + path

    def write_config(self):
        """Writes gemel.conf from self.settings."""
        groups = {'node': {'name': self.name},
                  'link': {'bind-address': '127.0.0.1', 'port': self.port}}
        for name, value in self.settings.items():
            group, key = name.split('.', 1)
            groups.setdefault(group, {})[key] = value
        with open(os.path.join(self.folder, 'gemel.conf'), 'w', encoding='utf-8') as file:
            for group, keys in groups.items():
                file.write(f'[{group}]\n')
                file.writelines(f'{key}={value}\n' for key, value in keys.items())
            file.write(self.modules)

    def start(self):
        """Starts the guard, which starts the daemon; returns when the bus name is there."""
        self.spawn()
        self.wait_name()
        return self

    def log(self):
        """What guard and daemon have written."""
        with open(self.log_path, encoding='utf-8') as log:
            return log.read()

    def spawn(self):
        """Starts the guard, which starts the daemon; waits for nothing."""
        build = os.environ['GEMEL_BUILD']
        self.write_config()
        command = [os.path.join(build, 'daemon', 'gemeld'),
                   '--config', os.path.join(self.folder, 'gemel.conf'),
                   '--state-dir', os.path.join(self.folder, 'state'),
                   '--bus-address', self.bus_address]
        if self.use_guard:
            command = [os.path.join(build, 'daemon', 'guard', 'gemel-guard'), '--'] + command
        environment = dict(os.environ, G_DEBUG='fatal-criticals')
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def wait_name(self):
        """Waits until the daemon answers on its bus."""
        if self.connection is None:
            flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                     Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
            self.connection = Gio.DBusConnection.new_for_address_sync(self.bus_address, flags,
                                                                      None, None)
        wait_for(f'{self.name} on its bus', lambda: self.get('Node', 'Name') == self.name)

    def daemon_pid(self):
        """Process id of gemeld itself."""
        if not self.use_guard:
            return self.process.pid
        return wait_for('a daemon under the guard', lambda: children_of(self.process.pid))[0]

    def kill_daemon(self):
        """kill -9 of gemeld; the guard lives and starts it again."""
        pid = self.daemon_pid()
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_all(self):
        """kill -9 of guard and daemon together: nobody says anything."""
        pids = [self.process.pid] + (children_of(self.process.pid) if self.use_guard else [])
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for pid in pids[1:]:
            wait_for('the end of the daemon',
                     lambda pid=pid: not os.path.exists(f'/proc/{pid}') or is_zombie(pid))

    def terminate(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)

    def stop(self):
        """Ends everything of this node."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill_all()
        if self.connection is not None:
            self.connection.set_exit_on_close(False)
        self.bus.terminate()
        self.bus.wait()

    # ---- calls ----

    def call(self, interface, method, signature, *values, path=NODE_PATH, timeout=30000):
        """Calls a method; returns its results as Python values, a single one bare."""
        parameters = GLib.Variant(signature, values)
        reply = self.connection.call_sync(BUS_NAME, path, f'{BUS_NAME}.{interface}', method,
                                          parameters, None,
                                          Gio.DBusCallFlags.NONE, timeout, None).unpack()
        return reply[0] if len(reply) == 1 else reply

    def get(self, interface, name, path=NODE_PATH):
        """Reads a property."""
        reply = self.connection.call_sync(BUS_NAME, path, 'org.freedesktop.DBus.Properties', 'Get',
                                          GLib.Variant('(ss)', (f'{BUS_NAME}.{interface}', name)),
                                          None,
                                          Gio.DBusCallFlags.NONE, 5000, None)
        return reply.unpack()[0]

    def level(self):
        """Activity level as its token."""
        return self.get('Node', 'ActivityLevel')

    def wait_level(self, level, patience=None):
        """Waits for an activity level."""
        wait_for(f'{self.name} is {level}', lambda: self.level() == level, patience)

    def set_config(self, provider, key, value, **options):
        """Config.Set; returns (term, seq, durability)."""
        return self.call('Config', 'Set', '(ssaya{sv})', provider, key, value.encode(),
                         variants(options))

    def get_config(self, provider, key):
        """Config.Get as text; None when there is no such record."""
        try:
            return bytes(self.call('Config', 'Get', '(ssa{sv})', provider, key, {})).decode()
        except GLib.Error as error:
            if error_name(error) == 'NotFound':
                return None
            raise

    def post_state(self, provider, key, value, **options):
        """State.Post of one key; returns (epoch, seq, durability)."""
        return self.call('State', 'Post', '(sa(say)asa{sv})', provider, [(key, value.encode())], [],
                         variants(options))

    def get_state(self, provider, key):
        """State.Get as text; None when there is no such key."""
        try:
            return bytes(self.call('State', 'Get', '(ssa{sv})', provider, key, {})[0]).decode()
        except GLib.Error as error:
            if error_name(error) == 'NotFound':
                return None
            raise

    def write_history(self, points):
        """History.Write; points are (tag, µs, status, float). Returns the last sequence."""
        rows = [(tag, at, status, GLib.Variant('d', value)) for tag, at, status, value in points]
        return self.call('History', 'Write', '(a(sxuv)a{sv})', rows, {})

    def ledger(self):
        """The ledger by origin (hex): dict with rows, first, last, mark, gaps, duplicates."""
        rows = self.call('History', 'Ledger', '(a{sv})', {})
        names = ('rows', 'first', 'last', 'mark', 'gaps', 'duplicates')
        return {bytes(row[0]).hex(): dict(zip(names, row[1:])) for row in rows}

    def events(self, **conditions):
        """Events, newest first, as dicts."""
        names = ('id', 'usec', 'severity', 'code', 'term', 'cause', 'node', 'subject', 'message',
                 'a', 'b')
        rows = self.call('Events', 'List', '(a{sv})', variants(dict({'limit': 1000}, **conditions)))
        return [dict(zip(names, row)) for row in rows]

    def wait_event(self, code, after=0, cause=None):
        """Waits for an event with that code and a higher id than `after`."""
        def find():
            return [e for e in self.events()
                    if e['code'] == code and e['id'] > after and cause in (None, e['cause'])]
        return wait_for(f'event {code} on {self.name}', find)[-1]

    def last_event(self):
        """Highest event id."""
        events = self.events(limit=1)
        return events[0]['id'] if events else 0

    def job(self, path):
        """Waits for the end of a job; returns (result, message)."""
        wait_for('the end of job ' + path, lambda: self.get('Job', 'Result', path=path) != '')
        return self.get('Job', 'Result', path=path), self.get('Job', 'Message', path=path)

    def failover(self):
        """Planned switchover; returns (result, message)."""
        return self.job(self.call('Node', 'RequestFailover', '(a{sv})', {}))


def is_zombie(pid):
    """Whether a process is dead and only waits to be reaped by somebody."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
            return stat.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except FileNotFoundError:
        return True


def variants(options):
    """A Python dict as a{sv}: str, bool and int (as unsigned 32 or 64 bit by name) values."""
    out = {}
    for key, value in options.items():
        if isinstance(value, bool):
            out[key] = GLib.Variant('b', value)
        elif isinstance(value, str):
            out[key] = GLib.Variant('s', value)
        elif key == 'limit':
            out[key] = GLib.Variant('u', value)
        else:
            out[key] = GLib.Variant('t', value)
    return out


class Pair:
    """Two nodes, paired, in a folder of their own; use it as a context manager."""

    def __init__(self, settings=None, modules=('', ''), paired=True, master_settings=None,
                 backup_settings=None):
        common = {'failover.recovery-delay-ms': 300, 'node.standby-level': 'warm',
                  'failover.startup-allowance-ms': 3000,
                  'link.reconnect-min-ms': 20, 'link.reconnect-max-ms': 200}
        common.update(settings or {})
        self.folder = tempfile.mkdtemp(prefix='gemel-pair-')
        self.a = Node(self.folder, 'node-a', dict(common, **(master_settings or {})), modules[0])
        self.b = Node(self.folder, 'node-b', dict(common, **(backup_settings or {})), modules[1])
        self.paired = paired

    def __enter__(self):
        try:
            self.a.start()
            self.b.start()
            if self.paired:
                self.join()
        except BaseException:
            self.close(failed=True)
            raise
        return self

    def join(self):
        """Pairs b to a by one code and waits until they are level."""
        code, _ = self.a.call('Pairing', 'Invite', '(sa{sv})', '', {})
        result, message = self.b.job(self.b.call('Pairing', 'Join', '(sa{sv})', code, {}))
        assert result == 'done', message
        self.wait_level()

    def wait_level(self):
        """Waits until exactly one is active and the other one is level and ready."""
        wait_for('the pair is level', self.is_level)

    def is_level(self):
        """Whether one is active and the other is synced and known to be."""
        levels = (self.a.level(), self.b.level())
        if sorted(levels) not in (['active', 'warm'], ['active', 'cold']):
            return False
        active = self.a if levels[0] == 'active' else self.b
        return (active.get('Peer', 'Synced', path=PEER_PATH) and
                active.get('Peer', 'Eligible', path=PEER_PATH))

    def active(self):
        """The active node."""
        return self.a if self.a.level() == 'active' else self.b

    def standby(self):
        """The other one."""
        return self.b if self.a.level() == 'active' else self.a

    def close(self, failed=False):
        """Ends both nodes; keeps the folder when something failed and says where."""
        for node in (self.b, self.a):
            node.stop()
        if failed or os.environ.get('GEMEL_TEST_KEEP'):
            for node in (self.a, self.b):
                print(f'# log of {node.name}:')
                if os.path.exists(node.log_path):
                    with open(node.log_path, encoding='utf-8', errors='replace') as log:
                        print(''.join('#   ' + line for line in log.readlines()[-60:]))
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, kind, value, trace):
        self.close(failed=kind is not None)
        return False
