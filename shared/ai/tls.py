"""TLS towards ai_core: a private authority, and a certificate of the client's own."""

import ssl
from pathlib import Path

from shared.settings import WrongSettings


def tls_context(client_certificate: Path | None, tls_ca: Path | None) -> ssl.SSLContext | bool:
    """Return httpx's `verify`: a TLS context, or True for the default one.

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
