"""A certificate for a virtual device with HTTPS, made on the spot and signed by itself; clients pin its fingerprint.

Real devices do not offer HTTPS yet (protocol.md, section 1), so there is nothing to imitate here.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from indevolt.errors import InvalidInput

_VALID: Final = timedelta(days=365)  # long enough for any trial, short enough to be noticed if somebody relies on it


def server_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what a server needs to show this certificate.

    Raises:
        InvalidInput: the files do not hold a certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise InvalidInput(f"the certificate {certificate} cannot be used: {error.strerror or error}") from error
    return context


def fingerprint_of(certificate: Path) -> str:
    """Return the SHA-256 fingerprint of the first certificate in a file, in hex."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).fingerprint(hashes.SHA256()).hex()


def self_signed(host: str, now: datetime) -> tuple[ssl.SSLContext, str]:
    """Return a server context with a fresh certificate for this machine and ``host``, and its SHA-256 fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "virtual INDEVOLT device")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of clients may be slow
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)  # so that --ca-file takes it, too
        .sign(key, hashes.SHA256())
    )
    # The standard library takes certificates from files only; this one is gone before anybody can connect.
    with tempfile.TemporaryDirectory(prefix="indevolt-") as folder:
        file = Path(folder) / "both.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return server_context(file, None), certificate.fingerprint(hashes.SHA256()).hex()


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    try:
        address = ip_address(host)
    except ValueError:
        names.append(x509.DNSName(host))
    else:
        names.append(x509.IPAddress(address))
    return list(dict.fromkeys(names))
