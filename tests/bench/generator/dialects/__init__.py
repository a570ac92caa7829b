"""How to speak to each peer: one file per peer, and a table of them."""
