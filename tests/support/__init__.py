"""Shared machinery of the tests: servers, browsers, proxies, and the rule against skips."""
