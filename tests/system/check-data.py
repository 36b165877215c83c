#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
#
# Checks what is installed beside the programs: the unit, the policies, the catalogue. Speaks TAP.
# Usage: check-data.py SOURCE-ROOT UNIT-FILE
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

source, unit_path = sys.argv[1:3]
data = os.path.join(source, "data")
POLKIT_DTD = "/usr/share/polkit-1/policyconfig-1.dtd"
RIGHTS = {"read-log", "operate", "configure", "pair", "debug"}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def need(tool):
    if shutil.which(tool) is None:
        raise LookupError(tool + " is not installed")


def unit_has_no_mistakes(tmp):
    """systemd-analyze only warns of unknown keys, so any word from it counts."""
    need("systemd-analyze")
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", read(unit_path), flags=re.M)
    path = os.path.join(tmp, "gemeld.service")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    result = run("systemd-analyze", "verify", "--man=no", path)
    assert result.returncode == 0 and result.stderr == "", result.stderr


def unit_is_hardened(tmp):
    need("systemd-analyze")
    result = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager",
                 unit_path)
    assert result.returncode == 0, result.stdout[-300:] + result.stderr


def unit_starts_the_guard(tmp):
    text = read(unit_path)
    assert re.search(r"^ExecStart=/\S+/gemel-guard -- /\S+/gemeld$", text, re.M), "ExecStart"
    assert "@" not in re.sub(r"@(system-service|privileged)", "", text), "a placeholder is left"
    for line in ("Type=notify", "NotifyAccess=all", "User=gemel", "RestrictRealtime=no",
                 "LimitMEMLOCK=infinity", "WatchdogSignal=SIGABRT", "KillMode=mixed",
                 "StartLimitIntervalSec=0", "RestartPreventExitStatus=78",
                 "Alias=dbus-org.gemel.Gemel1.service"):
        assert line in text.splitlines(), line


def policies_are_xml(tmp):
    need("xmllint")
    for name in ("org.gemel.Gemel1.conf", "org.gemel.Gemel1.policy"):
        result = run("xmllint", "--noout", "--nonet", os.path.join(data, name))
        assert result.returncode == 0, result.stderr


def polkit_policy_is_valid(tmp):
    need("xmllint")
    if not os.path.exists(POLKIT_DTD):
        raise LookupError(POLKIT_DTD + " is not installed")
    result = run("xmllint", "--noout", "--nonet", "--dtdvalid", POLKIT_DTD,
                 os.path.join(data, "org.gemel.Gemel1.policy"))
    assert result.returncode == 0, result.stderr


def polkit_policy_has_all_actions(tmp):
    root = ElementTree.parse(os.path.join(data, "org.gemel.Gemel1.policy")).getroot()
    found = set()
    for action in root.iter("action"):
        name = action.get("id").removeprefix("org.gemel.Gemel1.")
        found.add(name)
        owner = [a.text for a in action.iter("annotate")
                 if a.get("key") == "org.freedesktop.policykit.owner"]
        assert owner == ["unix-user:gemel"], name + " has no owner"
        for value in action.find("defaults"):
            assert value.text in ("auth_admin", "auth_admin_keep"), name + " is too open"
        assert action.find("message").text.startswith("Authentication is required to "), name
    assert found == RIGHTS, found ^ RIGHTS


def bus_policy_lets_only_the_daemon_own_the_name(tmp):
    root = ElementTree.parse(os.path.join(data, "org.gemel.Gemel1.conf")).getroot()
    owners = [policy.get("user") for policy in root.iter("policy")
              for allow in policy.iter("allow") if allow.get("own") == "org.gemel.Gemel1"]
    assert owners == ["gemel"], owners


def bus_daemon_takes_the_policy(tmp):
    need("dbus-daemon")
    path = os.path.join(tmp, "bus.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("<!DOCTYPE busconfig PUBLIC"
                   " '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN'"
                   " 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>"
                   f"<busconfig><type>system</type><listen>unix:path={tmp}/bus</listen>"
                   "<policy context='default'><allow user='*'/></policy>"
                   f"<include>{data}/org.gemel.Gemel1.conf</include></busconfig>")
    with subprocess.Popen(["dbus-daemon", "--config-file=" + path, "--nofork", "--print-address=1"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as bus:
        address = bus.stdout.readline()
        bus.terminate()
        words = bus.stderr.read()
    assert address.startswith("unix:path="), words


def activation_file_names_the_unit(tmp):
    text = read(data, "org.gemel.Gemel1.service")
    assert "Name=org.gemel.Gemel1\n" in text
    assert "SystemdService=dbus-org.gemel.Gemel1.service\n" in text


def event_ids():
    text = read(source, "daemon/api/gemel-enums.c")
    return re.findall(r'  EVENT \(\w+, \w+, "[\w-]+", "([0-9a-f]{32})"\)', text)


def catalogue_has_every_event(tmp):
    wanted = event_ids()
    found = re.findall(r"^-- ([0-9a-f]{32})$", read(data, "gemel.catalog"), re.M)
    assert len(wanted) > 40 and len(set(wanted)) == len(wanted), "ids are not unique"
    assert sorted(found) == sorted(wanted), set(found) ^ set(wanted)


def catalogue_is_taken_by_the_journal(tmp):
    need("journalctl")
    folder = os.path.join(tmp, "usr/lib/systemd/catalog")
    os.makedirs(folder)
    os.makedirs(os.path.join(tmp, "var/lib/systemd/catalog"))
    shutil.copy(os.path.join(data, "gemel.catalog"), folder)
    result = run("journalctl", "--update-catalog", "--root=" + tmp)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    result = run("journalctl", "--root=" + tmp, "--list-catalog", "--no-pager")
    assert len(result.stdout.splitlines()) == len(event_ids()), result.stdout + result.stderr


def user_and_folders_are_declared(tmp):
    assert re.search(r'^u gemel - "', read(data, "gemel.sysusers.conf"), re.M)
    tmpfiles = read(data, "gemel.tmpfiles.conf")
    assert re.search(r"^d /var/lib/gemel 0700 gemel gemel$", tmpfiles, re.M)


CHECKS = [unit_has_no_mistakes, unit_is_hardened, unit_starts_the_guard, policies_are_xml,
          polkit_policy_is_valid, polkit_policy_has_all_actions,
          bus_policy_lets_only_the_daemon_own_the_name, bus_daemon_takes_the_policy,
          activation_file_names_the_unit, catalogue_has_every_event,
          catalogue_is_taken_by_the_journal, user_and_folders_are_declared]

failed = 0
print(f"1..{len(CHECKS)}")
for number, check in enumerate(CHECKS, 1):
    title = "/data/" + check.__name__.replace("_", "-")
    with tempfile.TemporaryDirectory(prefix="gemel-data-") as folder:
        try:
            check(folder)
            print(f"ok {number} {title}")
        except LookupError as reason:
            print(f"ok {number} {title} # SKIP {reason}")
        except AssertionError as reason:
            failed += 1
            print(f"not ok {number} {title}")
            for line in str(reason).splitlines():
                print("# " + line)
sys.exit(1 if failed else 0)
