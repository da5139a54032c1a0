"""`make fuzz`: all layers in turn, in rounds, until stopped, or for SECONDS or INPUTS. Exit 1 if anything failed."""

import argparse
import sys
import time
from collections import Counter

from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import fuzz

ROUND = 2000  # inputs of a layer before the next one has its turn, at first; later rounds are longer


def main() -> int:
    ask = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    ask.add_argument("--seconds", type=float, help="stop after so many")
    ask.add_argument("--inputs", type=int, help="stop after so many of each layer")
    ask.add_argument("--layers", nargs="*", choices=[*TARGETS, []], default=[], help="by default all")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--first", type=int, default=0, help="number of the first input: a crasher's own, to see it again")
    given = ask.parse_args()
    deadline = time.monotonic() + given.seconds if given.seconds else None
    done: Counter[str] = Counter()
    failures, size = 0, ROUND
    try:
        while deadline is None or time.monotonic() < deadline:
            for layer in given.layers or TARGETS:
                left = size if given.inputs is None else min(size, given.inputs - done[layer])
                if left <= 0 or (deadline is not None and time.monotonic() >= deadline):
                    continue
                found = fuzz(layer, given.seed, given.first + done[layer], left, deadline)
                done[layer] += found.inputs
                failures += sum(found.failures.values())
                print(
                    f"{layer:18} {done[layer]:10,} inputs  {found.rate:9,.0f} a second  {failures} failures", flush=True
                )
            if given.inputs is not None and all(done[x] >= given.inputs for x in given.layers or TARGETS):
                break
            size = min(2 * size, 200_000)
    except KeyboardInterrupt:
        pass
    print(f"{sum(done.values()):,} inputs, {failures} failures", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
