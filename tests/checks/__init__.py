"""Checks that import contracts and linters cannot make, over the syntax trees of the whole project.

`python -m tests.checks` runs them all (`make check` does); each module holds one check and has its test beside it,
which plants a violation and sees it caught.
"""
