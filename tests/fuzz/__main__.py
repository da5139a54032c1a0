"""`make fuzz`: all layers in turn, each as long as the others, until stopped, or for SECONDS or INPUTS. Exit 1 on a failure."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import Found, fuzz

TURN, LONGEST = 15.0, 240.0  # seconds of a layer before the next one has its turn, at first and at most
ENDLESS = 1 << 40


def main() -> int:
    ask = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    ask.add_argument("--seconds", type=float, help="stop after so many")
    ask.add_argument("--inputs", type=int, default=ENDLESS, help="stop after so many of each layer")
    ask.add_argument("--layers", nargs="*", choices=[*TARGETS, []], default=[], help="by default all")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--first", type=int, default=0, help="number of the first input: a crasher's own, to see it again")
    given = ask.parse_args()
    done: Counter[str] = Counter()
    failures = 0
    try:
        for layer, found in _rounds(given, done):
            failures += sum(found.failures.values())
            seconds, number = found.slowest
            print(
                f"{time.strftime('%H:%M:%S')}  {layer:17} {done[layer]:11,} inputs {found.rate:8,.0f} a second  "
                f"{failures} failures  slowest {seconds:.2f} s of CPU (number {number})",
                flush=True,
            )
    except KeyboardInterrupt:
        pass
    print(f"{sum(done.values()):,} inputs, {failures} failures", flush=True)
    return 1 if failures else 0


def _rounds(given: argparse.Namespace, done: Counter[str]) -> Iterator[tuple[str, Found]]:
    """Turns of equal length, so that cheap layers get many more inputs than dear ones. Counts into `done`."""
    end = time.monotonic() + given.seconds if given.seconds else float("inf")
    turn, layers = TURN, given.layers or list(TARGETS)
    while time.monotonic() < end and any(done[layer] < given.inputs for layer in layers):
        for layer in layers:
            left = given.inputs - done[layer]
            seconds = min(turn, end - time.monotonic())
            if left > 0 and seconds > 0:
                found = fuzz(layer, given.seed, given.first + done[layer], left, seconds)
                done[layer] += found.inputs
                yield layer, found
        turn = min(2 * turn, LONGEST)


if __name__ == "__main__":
    sys.exit(main())
