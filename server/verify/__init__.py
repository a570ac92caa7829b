"""The simulated world: the real gateway, relay, rooms and client machines on virtual time, and the promises as predicates."""
