"""The bench: Roomwright beside Colyseus and plain Channels, driven by one neutral load generator in one run.

`python -m tests.bench --help` lists the commands; docs/performance.md tells what is measured and how.
"""
