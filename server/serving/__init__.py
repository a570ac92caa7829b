"""The gateway's server: Daphne with a direct way to its sockets, bounded both ways, and an end that says goodbye.

`protocol`, `direct` and `defaults` touch the insides of autobahn and Twisted, `requests` and `descriptors` those of Twisted's HTTP and
its ``accept``; under any other ASGI server nothing of this package is needed (docs/decisions/0006 and 0011).
"""
