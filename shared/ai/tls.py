"""TLS with a service of ours: with a private authority, and a certificate of our own to show."""

import ssl
from pathlib import Path

from shared.settings import WrongSettings


def trust(client_certificate: Path | None, tls_ca: Path | None) -> ssl.SSLContext | bool:
    """Return how TLS is spoken; True is the usual way.

    Raises WrongSettings when a file cannot be read.
    """
    if client_certificate is None and tls_ca is None:
        return True
    try:
        context = ssl.create_default_context(cafile=tls_ca)
        if client_certificate:
            context.load_cert_chain(client_certificate)
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(str(file) for file in (client_certificate, tls_ca) if file)
        raise WrongSettings(f"TLS with ai_core: {files}: {error}") from error
    return context
