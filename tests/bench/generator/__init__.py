"""The load generator: one process that plays many clients of one peer, counts what they get, and judges nothing."""
