#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Strangers at both ports of a pair: refused, counted, and nobody's level changes."""
import contextlib
import os
import random
import socket
import ssl
import subprocess
import threading
import time

from pair import PEER_PATH, Pair, wait_for
from tap import run

CHANNELS = ('gemel-control/1', 'gemel-data/1', 'gemel-pair/1')
SEED = 20260101
REFUSALS = ('RefusedTls', 'RefusedAlpn', 'RefusedPin', 'RefusedBusy', 'RefusedPairing')
SETTINGS = {'failover.recovery-mode': 'manual'}


def refusals(node):
    """How many connections a node refused, by counter."""
    return {name: node.get('Node', name) for name in REFUSALS}


def make_certificate(folder, name='node-b'):
    """A key and a self-signed certificate that claims to be the peer; path of the PEM file."""
    key, certificate, both = (os.path.join(folder, 'foreign.' + end)
                              for end in ('key', 'crt', 'pem'))
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30',
                    '-subj', '/CN=' + name, '-keyout', key, '-out', certificate], check=True,
                    capture_output=True)
    with open(both, 'w', encoding='ascii') as out:
        for part in (key, certificate):
            with open(part, encoding='ascii') as file:
                out.write(file.read())
    return both


def tls_context(certificate=None, version=ssl.TLSVersion.TLSv1_3, protocol=None):
    """A client that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if protocol is not None:
        context.set_alpn_protocols([protocol])
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def is_shut_out(port, context):
    """Shakes hands, sends a little, waits for the end; returns whether it was told nothing."""
    with socket.create_connection(('127.0.0.1', port), timeout=10) as plain:
        try:
            with context.wrap_socket(plain) as tls:
                with contextlib.suppress(OSError):
                    tls.send(b'\x00' * 64)
                return tls.recv(1) == b''
        except socket.timeout:
            return False
        except (ssl.SSLError, OSError):
            return True


class Unharmed:
    """What must not change while strangers knock: levels, terms, the link, and data goes on."""

    def __init__(self, pair):
        self.pair = pair
        self.before = self._standing()

    def _standing(self):
        return [(node.level(), node.get('Node', 'Term'), node.get('Node', 'Takeovers'),
                 node.get('Node', 'DualActives'),
                 node.get('Peer', 'Connects', path=PEER_PATH), node.daemon_pid())
                 for node in (self.pair.a, self.pair.b)]

    def check(self, what):
        """Compares, and replicates something."""
        assert self._standing() == self.before, f'{what}: {self.before} became {self._standing()}'
        assert self.pair.a.set_config('demo', 'after', what, durability='pair')[2] == 'pair'
        assert self.pair.a.post_state('demo', 'after', what)[2] == 'pair'
        assert self.pair.b.get_config('demo', 'after') == what
        assert self.pair.b.get_state('demo', 'after') == what


def test_certificates_of_strangers():
    """No certificate and a foreign one that names the peer, on each channel, at both nodes."""
    with Pair(SETTINGS) as pair:
        unharmed = Unharmed(pair)
        foreign = make_certificate(pair.folder)
        for certificate in (None, foreign):
            for protocol in CHANNELS:
                for node in (pair.a, pair.b):
                    before = refusals(node)
                    assert is_shut_out(node.port, tls_context(certificate, protocol=protocol)), (
                        certificate, protocol)
                    wait_for(f'a refusal counted by {node.name} ({protocol})', lambda n=node,
                             b=before: refusals(n) != b)
        unharmed.check('foreign certificates')


def test_wrong_protocols():
    """TLS 1.2, an unknown application protocol and none at all."""
    with Pair(SETTINGS) as pair:
        unharmed = Unharmed(pair)
        foreign = make_certificate(pair.folder)
        for context in (tls_context(foreign, ssl.TLSVersion.TLSv1_2, CHANNELS[0]),
                        tls_context(foreign, protocol='http/1.1'),
                        tls_context(foreign)):
            before = refusals(pair.a)
            assert is_shut_out(pair.a.port, context)
            wait_for('a counted refusal', lambda b=before: refusals(pair.a) != b)
        unharmed.check('wrong protocols')


def test_plain_and_garbage_on_the_tls_port():
    """Plain HTTP, random bytes, a torn greeting, and connections that say nothing."""
    rng = random.Random(SEED)
    with Pair(SETTINGS) as pair:
        unharmed = Unharmed(pair)
        greetings = [b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', rng.randbytes(4000),
                     b'\x16\x03\x01\xff\xff\x01' + rng.randbytes(200), b'']
        for number in range(40):
            before = refusals(pair.a)
            with socket.create_connection(('127.0.0.1', pair.a.port), timeout=10) as plain:
                with contextlib.suppress(OSError):
                    plain.sendall(greetings[number % len(greetings)])
                    plain.shutdown(socket.SHUT_WR)
                    while plain.recv(4096):
                        pass
            wait_for('a counted refusal', lambda b=before: refusals(pair.a) != b)
        silent = [socket.create_connection(('127.0.0.1', pair.a.port), timeout=10)
                  for _ in range(100)]
        unharmed.check('plain connections')
        # The real peer comes in although a hundred silent ones stand at the door.
        pair.b.kill_daemon()
        pair.wait_level()
        for connection in silent:
            connection.close()


def test_garbage_datagrams():
    """Random, empty, long and repeated datagrams: counted as bad, and heartbeats go on."""
    rng = random.Random(SEED)
    with Pair(SETTINGS) as pair:
        unharmed = Unharmed(pair)
        wait_for('heartbeats as datagrams',
                 lambda: pair.a.get('Peer', 'DatagramsWork', path=PEER_PATH))
        before = {node.name: node.get('Peer', 'DatagramsBad', path=PEER_PATH)
                  for node in (pair.a, pair.b)}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number in range(3000):
                data = rng.randbytes(rng.choice((0, 1, 16, 40, 64, 100, 200, 1400, 9000)))
                for node in (pair.a, pair.b):
                    with contextlib.suppress(OSError):
                        out.sendto(data, ('127.0.0.1', node.port))
                if number % 100 == 0:
                    time.sleep(0.001)  # the socket's buffer is small; what it drops is no test
        for node in (pair.a, pair.b):
            wait_for(f'bad datagrams counted by {node.name}',
                     lambda n=node: n.get('Peer', 'DatagramsBad',
                                          path=PEER_PATH) >= before[n.name] + 500)
        assert pair.a.get('Peer', 'DatagramsWork',
                          path=PEER_PATH) and pair.b.get('Peer', 'DatagramsWork', path=PEER_PATH)
        unharmed.check('garbage datagrams')


def test_port_held_by_another_program():
    """A daemon that finds its port taken says so and is started again until the port is free."""
    with Pair(SETTINGS) as pair:
        pair.b.kill_all()
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wait_for('the port of the killed daemon', lambda: bind_port(holder, pair.b.port))
        starting = threading.Thread(target=pair.b.start)
        starting.start()
        with open(pair.b.log_path, encoding='utf-8') as log:
            wait_for('two attempts',
                     lambda: log.seek(0) == 0 and log.read().count('Address already in use') >= 2)
        holder.close()
        starting.join()
        pair.wait_level()


def bind_port(holder, port):
    """Binds a port of loopback; returns whether it was free."""
    try:
        holder.bind(('127.0.0.1', port))
        return True
    except OSError:
        return False


if __name__ == '__main__':
    run([(name[5:].replace('_', '-'), function) for name,
         function in list(globals().items()) if name.startswith('test_')])
