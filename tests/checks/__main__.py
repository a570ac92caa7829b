"""`python -m tests.checks`: run every check on this project; print what is found and exit 1, or say that all is well."""

import sys
from pathlib import Path

from tests.checks import clocks, determinism, limits, names, yaml_readers
from tests.checks.tree import Tree

CHECKS = (clocks.check, determinism.check, limits.check, names.check, yaml_readers.check)


def main(root: Path) -> int:
    """The exit code for the project at `root`."""
    tree = Tree(root)
    findings = sorted(found for check in CHECKS for found in check(tree))
    for found in findings:
        print(found)
    print(f"{len(findings)} findings of {len(CHECKS)} checks" if findings else f"{len(CHECKS)} checks kept")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[2]))
