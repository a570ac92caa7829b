"""Our server behind TLS, which the command line does not offer: `python tls_server.py PORT PEM`."""

import sys

from server.serving.serve import serve_at  # isort: skip - chooses Twisted's reactor, so it comes first

from server.asgi import planned
from server.ops.log import configure_logging
from server.wiring import GATEWAY, LOOP, WORKER, Parts


def main(port: str, pem: str) -> None:
    configure_logging()
    endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    serve_at(Parts(planned(), frozenset({GATEWAY, LOOP, WORKER})), endpoint, f"https://127.0.0.1:{port}/")


if __name__ == "__main__":
    main(*sys.argv[1:])
