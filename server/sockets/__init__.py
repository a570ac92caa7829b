"""The sockets' side: one connection's shell around the session machine, and the consumer class that routes are made of."""
