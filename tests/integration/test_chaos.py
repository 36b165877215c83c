#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The Gemel authors
"""Random kills of either node while data flows: nothing that was acknowledged is lost.

usage: test_chaos.py [--seed N] [--kills N]
The choice of the faults repeats with the seed; the machine's own timing does not.
"""
import argparse
import random
import sys

from chaos import run_chaos
from pair import Pair
from tap import run


def main():
    """One test; its parameters are printed so that it can be run again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument('--kills', type=int, default=12)
    options = parser.parse_args()
    sys.argv[1:] = []
    print(f'# again: test_chaos.py --seed {options.seed} --kills {options.kills}', flush=True)

    def chaos():
        with Pair() as pair:
            run_chaos(pair, options.seed, options.kills)
    run([('nothing-acknowledged-is-lost', chaos)])


if __name__ == '__main__':
    main()
