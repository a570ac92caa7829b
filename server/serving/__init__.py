"""The gateway's server: Daphne with a direct way to its sockets, bounded both ways, and an end that says goodbye.

`protocol`, `direct` and `defaults` alone touch the insides of autobahn and Twisted; under any other ASGI server nothing of
this package is needed (docs/decisions/0006).
"""
