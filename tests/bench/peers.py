#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""What others need for the same on this machine, beside takeover.py: keepalived and Redis.

usage: peers.py [--runs 5] [--seconds 3]
Each part is left out, with the reason, where its program is missing (apt-get install keepalived
redis-server) or where it needs root. Everything runs in a folder and in two network namespaces of
its own, and is ended by its id.
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
from pair import children_of, free_port, wait_for  # pylint: disable=wrong-import-position
from takeover import head, memory_kib, row  # pylint: disable=wrong-import-position

ADDRESS = '10.213.0.100'
KEEPALIVED = '''global_defs {{
  router_id {name}
}}
vrrp_instance bench {{
  state BACKUP
  interface bench0
  virtual_router_id 77
  priority {priority}
  advert_int 1
  virtual_ipaddress {{
    {address}/24
  }}
}}
'''


def run(*command):
    """Runs a command; returns what it said."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Spaces:
    """Two network namespaces with one wire between them."""

    def __init__(self):
        self.names = [f'bench-{os.getpid()}-{side}' for side in 'ab']

    def __enter__(self):
        for name in self.names:
            run('ip', 'netns', 'add', name)
        run('ip', 'link', 'add', 'bench0', 'netns', self.names[0], 'type', 'veth', 'peer', 'name',
            'bench0',
            'netns', self.names[1])
        for number, name in enumerate(self.names, 1):
            run('ip', '-n', name, 'addr', 'add', f'10.213.0.{number}/24', 'dev', 'bench0')
            for device in ('lo', 'bench0'):
                run('ip', '-n', name, 'link', 'set', device, 'up')
        return self.names

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(['ip', 'netns', 'del', name], check=False)


def tree_of(pid):
    """A process and everything below it."""
    return [pid] + [below for child in children_of(pid) for below in tree_of(child)]


def kill_tree(process):
    """kill -9 of a process that was started here and everything below it; returns when."""
    pids = tree_of(process.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    start = time.monotonic()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    return start


def print_memory(name, pids):
    """The two rows of what processes hold."""
    memory = [memory_kib(pid) for pid in pids]
    row(f'{name}: PSS', [sum(pss for pss, _ in memory) / 1024], 'MB')
    row(f'{name}: RSS', [sum(rss for _, rss in memory) / 1024], 'MB')


def has_address(space):
    """Whether the shared address is in a namespace."""
    return ADDRESS in run('ip', '-n', space, '-4', '-o', 'addr', 'show', 'dev', 'bench0')


def start_keepalived(folder, space, priority):
    """One keepalived in its namespace."""
    path = os.path.join(folder, space)
    with open(path + '.conf', 'w', encoding='ascii') as file:
        file.write(KEEPALIVED.format(name=space, priority=priority, address=ADDRESS))
    return subprocess.Popen(['nsenter', f'--net=/run/netns/{space}', 'keepalived', '--dont-fork',
                             '--log-console', '-f',
                             path + '.conf', '-p', path + '.pid', '-r', path + '.vrrp.pid'],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def keepalived(runs):
    """kill -9 of all of the active one until the address is on the other: default interval, 1 s."""
    times, processes, folder = [], [], tempfile.mkdtemp(prefix='gemel-bench-')
    try:
        with Spaces() as spaces:
            wait_for('the wire', lambda: all('state UP' in run('ip', '-n', space, 'link', 'show',
                                                               'bench0') for space in spaces))
            for number in range(runs):
                processes = [start_keepalived(folder, space, priority) for space,
                             priority in zip(spaces, (200, 100))]
                wait_for('the address on the first',
                         lambda: has_address(spaces[0]) and not has_address(spaces[1]), 30)
                time.sleep(1.5)  # random phase against its adverts
                if number == 0:
                    print_memory('keepalived, one node', tree_of(processes[0].pid))
                start = kill_tree(processes[0])
                wait_for('the address on the second', lambda: has_address(spaces[1]), 30)
                times.append((time.monotonic() - start) * 1000)
                kill_tree(processes[1])
                for space in spaces:
                    subprocess.run(['ip', '-n', space, 'addr', 'del', ADDRESS + '/24', 'dev',
                                    'bench0'],
                                   check=False, capture_output=True)
                processes = []
    finally:
        for process in processes:
            if process.poll() is None:
                kill_tree(process)
        shutil.rmtree(folder)
    row('keepalived, kill -9, default interval: the address moved', times)


def make_certificate(folder):
    """A key and a certificate that both Redis nodes use."""
    names = [os.path.join(folder, name) for name in ('key.pem', 'cert.pem')]
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1',
        '-nodes', '-days', '2',
        '-subj', '/CN=bench', '-keyout', names[0], '-out', names[1])
    return names


def start_redis(folder, name, master_port, tls):
    """One Redis: clients by a local socket as at the data door, the other node by TCP or TLS."""
    port = free_port()
    place = os.path.join(folder, name)
    os.mkdir(place)
    words = ['redis-server', '--dir', place, '--unixsocket', os.path.join(place, 's'), '--save', '',
             '--appendonly', 'no',
             '--repl-diskless-sync-delay', '0', '--bind', '127.0.0.1']
    if tls:
        key, certificate = tls
        words += ['--port', '0', '--tls-port', str(port), '--tls-key-file', key, '--tls-cert-file',
                  certificate,
                  '--tls-ca-cert-file', certificate, '--tls-replication', 'yes', '--tls-protocols',
                  'TLSv1.3']
    else:
        words += ['--port', str(port)]
    if master_port:
        words += ['--replicaof', '127.0.0.1', str(master_port)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    return process, port, os.path.join(place, 's')


def redis(seconds, with_tls):
    """Throughput with a replica that keeps up, 50 clients x 16, values of 100 bytes."""
    folder = tempfile.mkdtemp(prefix='gemel-bench-')
    tls = make_certificate(folder) if with_tls else None
    processes = []
    try:
        master, port, path = start_redis(folder, 'a', 0, tls)
        processes.append(master)
        wait_for('Redis', lambda: os.path.exists(path))
        replica, _, _ = start_redis(folder, 'b', port, tls)
        processes.append(replica)
        wait_for('the replica',
                 lambda: 'state=online' in run('redis-cli', '-s', path, 'info', 'replication'))
        name = 'Redis and a replica, ' + ('TLS 1.3' if tls else 'plain')
        print_memory(name + ', one node idle', [master.pid])
        said = run('redis-benchmark', '-s', path, '-t', 'set', '-c', '50', '-P', '16', '-d', '100',
                   '-r', '50000', '-n',
                   str(150000 * seconds), '--csv')
        row(f'{name}: SET, 50 x 16, not waited for',
            [float(said.splitlines()[-1].split(',')[1].strip('"'))], '1/s')
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def main():
    """The parts that can run here."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=3)
    options = parser.parse_args()
    head('Others on this machine')
    if not shutil.which('keepalived') or os.geteuid() != 0:
        print('left out: keepalived (not installed, or not root)')
    else:
        keepalived(options.runs)
    if not shutil.which('redis-server') or not shutil.which('redis-benchmark'):
        print('left out: Redis (not installed)')
    else:
        for with_tls in (False, True):
            redis(options.seconds, with_tls)


if __name__ == '__main__':
    main()
