"""What went wrong, in one sentence, read from what pip, npm or a server printed."""

import errno
import re

FULL = {errno.ENOSPC, errno.EDQUOT}
NETWORK_WORDS = (
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out"
    r"|Temporary failure in name resolution|Name or service not known|getaddrinfo"
    r"|Network is unreachable|No route to host|Connection refused|Connection reset"
    r"|ConnectionResetError|ProxyError|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN"
    r"|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
)
CAUSES = (
    (
        r"No space left on device|ENOSPC|Disk quota exceeded|EDQUOT",
        "the disk is full: free some space (df -h shows where), then run the same command again",
    ),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        "a package that was downloaded is not the one locked in constraints.txt, so nothing of it "
        "was installed: empty the cache (python3 -m pip cache purge) and ask the official index "
        "instead of a mirror, or fetch the newest version of this project",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SELF_SIGNED_CERT|UNABLE_TO_(?:GET|VERIFY)",
        "the server's certificate was refused: set this machine's clock, or name your proxy's "
        "certificate (PIP_CERT for pip, NODE_EXTRA_CA_CERTS for npm), and run the command again",
    ),
    (
        NETWORK_WORDS,
        "the network failed on the way: check the connection, or name your proxy (HTTPS_PROXY) or "
        "your mirror (PIP_INDEX_URL, npm_config_registry), and run the same command again",
    ),
    (
        r"No matching distribution found",
        "the package index has no file of a locked package for this Python and this processor: "
        "ask the official index (https://pypi.org/simple), on Linux with x86-64 or arm64",
    ),
    (
        r"Failed building wheel|CMake Error|command '\S*(?:g\+\+|gcc|cc)\S*' failed",
        "a package could not be compiled: on Debian apt-get install -y g++ python3-dev, then run "
        "the same command again",
    ),
    (
        r"MemoryError|Cannot allocate memory|out of memory",
        "there was not enough memory: end other programs, or take a machine with 2 GB",
    ),
    (
        r"Permission denied|EACCES|Operation not permitted",
        "files here belong to another user: run it as their owner, or give them to yourself "
        "(sudo chown -R $USER .neo)",
    ),
    (
        r"E404|404 Not Found",
        "the registry does not have that version: ask the official one (https://registry.npmjs.org)"
        ", or fetch the newest version of this project",
    ),
)
"""A pattern in what a program printed, and the sentence for it; the first that is found counts."""


def cause(text: str) -> str:
    """Return the sentence for what a program printed, "" for something unknown."""
    for pattern, sentence in CAUSES:
        if re.search(pattern, text):
            return sentence
    return ""


def cause_of_error(error: OSError) -> str:
    """Return the sentence for a failed call of the system."""
    if error.errno in FULL:
        return cause("ENOSPC")
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return cause("EACCES") + where
    return f"{error.strerror or error}{where}"
