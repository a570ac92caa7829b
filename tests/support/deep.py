"""`python -m tests.support.deep SECONDS`: every property test, with many examples and new seeds, until the time is up.

A round that the deadline meets is interrupted and counts as passed as far as it came. Exits 1 at the first failure.
"""

import secrets
import signal
import subprocess
import sys
import time

FAILED_CODES = {1, 3, 4, 5}  # of pytest: failures, internal error, usage, nothing collected


def run_round(remaining_s: float, words: list[str]) -> int:
    """One round of at most `remaining_s` seconds; pytest's exit code, 2 when it was interrupted."""
    seed = secrets.randbelow(2**32)
    print(f"deep: a round with seed {seed}, {remaining_s:.0f} s left", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "--timeout", "0", "-x"]
    command += ["--hypothesis-profile", "deep", "--hypothesis-seed", str(seed), *words]
    process = subprocess.Popen(command)
    try:
        return process.wait(remaining_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        return process.wait()


def main(words: list[str]) -> int:
    """Rounds until the deadline."""
    deadline = time.monotonic() + float(words[0])
    while (remaining_s := deadline - time.monotonic()) > 1:
        if (code := run_round(remaining_s, words[1:])) in FAILED_CODES:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
