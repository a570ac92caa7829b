"""The rules and the wire protocol: pure, no I/O, no clock. Used by the server and by every client."""
