# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""A private bus with the fake service on it, and gemelctl as a user runs it there."""
import os
import signal
import subprocess
import sys
import tempfile

from pair import BUS_CONFIG, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))


class Live:
    """A gemelctl that goes on; what it says is looked at while it runs."""

    def __init__(self, words, address, folder):
        self.words = words
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as out:
            self.out = out.name
        with open(self.out, 'wb') as out, open(self.out + '.err', 'wb') as err:
            self.process = subprocess.Popen(
                [os.environ['GEMELCTL'], '--bus-address', address, *words],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def lines(self):
        """What it printed up to now."""
        with open(self.out, encoding='utf-8') as file:
            return file.read().splitlines()

    def errors(self):
        """What it complained about up to now."""
        with open(self.out + '.err', encoding='utf-8') as file:
            return file.read()

    def wait_line(self, text):
        """Waits until the last line has a text in it."""
        wait_for(f'{text} of {self.words}', lambda: text in (self.lines() or [''])[-1])

    def wait_error(self, text):
        """Waits until a text is among the complaints."""
        wait_for(f'{text} of {self.words}', lambda: text in self.errors())

    def wait_end(self):
        """Its exit code."""
        wait_for(f'the end of {self.words}', lambda: self.process.poll() is not None)
        return self.process.returncode

    def terminate(self):
        """Asks it to end; its exit code."""
        self.process.terminate()
        return self.wait_end()


class Stage:
    """Everything; ended by end ()."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix='gemel-ctl-')
        self.address = f'unix:path={self.folder.name}/bus'
        self.wishes = self.folder.name + '/wishes'
        self.running = []
        self.service = None
        os.mkdir(self.wishes)
        config = self.folder.name + '/bus.conf'
        with open(config, 'w', encoding='utf-8') as file:
            file.write(BUS_CONFIG.format(path=self.folder.name + '/bus'))
        self.bus = subprocess.Popen(['dbus-daemon', f'--config-file={config}', '--nofork'])
        wait_for('the bus', lambda: os.path.exists(self.folder.name + '/bus'))

    def start_service(self):
        """The service is on the bus afterwards."""
        self.service = subprocess.Popen(
            [sys.executable, HERE + '/fake_service.py', self.address, self.wishes],
            stdout=subprocess.PIPE)
        assert self.service.stdout.readline() == b'ready\n', 'the service did not start'

    def stop_service(self):
        """As if the daemon had been killed."""
        self.service.kill()
        self.service.wait()
        self.service.stdout.close()

    def wish(self, name, text=''):
        """Changes an answer of the service; see there."""
        with open(f'{self.wishes}/{name}.new', 'w', encoding='utf-8') as file:
            file.write(text)
        os.rename(f'{self.wishes}/{name}.new', f'{self.wishes}/{name}')

    def forget(self, name):
        """Takes a wish back."""
        os.unlink(f'{self.wishes}/{name}')

    def send_signals(self):
        """The service sends the signals of a change."""
        self.service.send_signal(signal.SIGUSR1)

    def run(self, *words, stdin=None, address=None, code=0):
        """Runs gemelctl, expects the exit code; returns (output, errors)."""
        done = subprocess.run([os.environ['GEMELCTL'], '--bus-address', address or self.address,
                               *words],
                              input=stdin, capture_output=True, timeout=60, check=False)
        out, err = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, f'{words}: exit {done.returncode}, not {code}: {out}{err}'
        assert (code in (0, 1) or err.startswith('gemelctl: ')) and 'GDBus.Error' not in err, err
        return out, err

    def live(self, *words):
        """Starts a gemelctl that goes on."""
        live = Live(words, self.address, self.folder.name)
        self.running.append(live.process)
        return live

    def end(self):
        """Ends what was started here."""
        for process in self.running + [self.service, self.bus]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.folder.cleanup()
