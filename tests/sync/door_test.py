#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""The Python client against real doors.

test-door.c passes the descriptors of a state, a config and a history door.
"""
import os
import sys

sys.path.insert(0, os.environ["GEMEL_EXAMPLES_DIR"])
import gemel_door  # noqa: E402


def check_state(fd):
    door = gemel_door.Door(fd)
    assert door.provider == "test", door.provider
    door.put("from/python", b"running")
    door.put("gone", b"x")
    answer = door.wait(door.send())
    assert answer.reached == "local" and answer.place[0] == 3, answer
    door.put("gone", None)
    door.wait(door.send())
    door.subscribe()
    changes = door.changes()
    assert next(changes) == (None, None)
    assert next(changes) == ("from/python", b"running")
    door.put("late", b"1")
    door.send()
    assert next(changes) == ("late", b"1")
    door.put("x", b"y")
    try:
        door.wait(door.send(term=1))
    except gemel_door.Refused as error:
        assert error.name.endswith("OldTerm"), error
    else:
        raise AssertionError("an old term was taken")
    door.close()


def check_config(fd):
    door = gemel_door.Door(fd)
    for number in range(20):
        door.put(f"k{number}", b'{"limit": 5}')
    answer = door.wait(door.send())
    assert answer.place[1] == 1, answer
    door.close()


def check_history(fd):
    door = gemel_door.Door(fd)
    points = [("t", 1, 1.5, 0), ("t", 2, 7, 0), ("t", 3, True, 0), ("t", 4, "text", 0x80000000)]
    answer = door.wait(door.send_points(points))
    assert answer.place[1] == 4, answer
    door.close()


check_state(int(sys.argv[1]))
check_config(int(sys.argv[2]))
check_history(int(sys.argv[3]))
