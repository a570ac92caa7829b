"""The ASGI servers that the same application runs under: ours, ours behind TLS, and two that know nothing of us."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.flow.fleet import Fleet
from tests.support.ports import free_port
from tests.support.processes import Running

HERE = Path(__file__).parent
STOCK = {
    "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "server.asgi:application"],
    "uvicorn": ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "server.asgi:application"],
}
SERVERS = ("ours", "ours behind TLS", *STOCK)


@frozen
class Served:
    """One server with the application."""

    name: str
    running: Running
    port: int
    tls: ssl.SSLContext | None = None


def serve(fleet: Fleet, name: str) -> Served:
    """Starts the server of that name; it answers when this returns."""
    if name == "ours":
        running = fleet.start().gateways[-1]
        return Served(name, running, int(running.url.rpartition(":")[2]))
    if name in STOCK:
        running = stock(fleet, name)
        return Served(name, running, int(running.url.rpartition(":")[2]))
    return _behind_tls(fleet, name)


def stock(fleet: Fleet, name: str) -> Running:
    """The application under a server that knows nothing of ours."""
    port = free_port()
    running = fleet.processes.python(*(word.format(port=port) for word in STOCK[name]), env=fleet.env)
    running.url = f"http://127.0.0.1:{port}"
    running.wait_for_url(f"{running.url}/api/rooms", 60.0)
    fleet.gateways.append(running)
    return running


def _behind_tls(fleet: Fleet, name: str) -> Served:
    port, pem = free_port(), fleet.folder / "server.pem"
    pem.write_bytes(self_signed())
    running = fleet.processes.python(str(HERE / "tls_server.py"), str(port), str(pem), env=fleet.env)
    running.wait_for_line("server.listening", 60.0)
    return Served(name, running, port, ssl.create_default_context(cafile=pem))


def self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("127.0.0.1"), _ip("127.0.0.1")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def _ip(address: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(address))
