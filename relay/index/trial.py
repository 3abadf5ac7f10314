"""Tries the way to an index as calls go, up to the first byte: proxy, TLS with our certificate, and no call sent.

Then it asks for the address without calling: a host that answers says nothing of a path that was mistyped.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Final

from relay.index.certificate import is_for_clients, subject
from relay.index.endpoint import Endpoint
from relay.index.transport import NoAnswerError, Transport
from relay.keyfiles import password_now
from relay.settings.trial import Trial

REFUSAL_SECONDS: Final = 2.0  # some servers ask others about a certificate before they refuse it
_ASKING_SECONDS: Final = 2.0  # an address that is not there is told of at once; a platform may think about a GET
_NOT_THERE: Final = 404
# No call: it names no index and holds no Update, so the platform and the index refuse it (VP003, EI000).
_NO_CALL: Final = b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>'
_HEADERS: Final = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


def try_index(endpoint: Endpoint, trial: Trial, seconds: float) -> None:
    """Try it, and gather in `trial` what came of it. Raises NoAnswerError where a call would."""
    encrypted = endpoint.url.lower().startswith("https:")
    if encrypted and endpoint.client_certificate:
        _certificate(endpoint, trial)
        if trial.wrong:
            return
    bound = timedelta(seconds=seconds)
    transport = Transport(replace(endpoint, connect_timeout=bound, read_timeout=bound, call_timeout=bound))
    try:
        version = transport.reach(REFUSAL_SECONDS)
    finally:
        transport.close()
    if _is_not_there(endpoint):
        trial.wrong.append("HTTP 404: the host answers and nothing is at this address; set url, with its whole path")
        return
    through = " through the proxy" if endpoint.proxy else ""
    if not encrypted:
        trial.did.append(f"TCP answers{through}; not encrypted")
    elif endpoint.client_certificate:
        trial.did.append(f"TCP and {version} answer{through}, certificates accepted")
    else:
        trial.did.append(f"TCP and {version} answer{through}, its certificate accepted; we have none")


def _is_not_there(endpoint: Endpoint) -> bool:
    """Whether every call would end with HTTP 404. Some know the path only by what is posted to it, so a GET that finds
    nothing is not believed alone. No answer, or any other, says nothing against the path."""
    bound = timedelta(seconds=_ASKING_SECONDS)
    transport = Transport(replace(endpoint, connect_timeout=bound, read_timeout=bound, call_timeout=bound))
    try:
        with suppress(NoAnswerError):
            return (
                transport.status("GET", b"", {}) == _NOT_THERE
                and transport.status("POST", _NO_CALL, _HEADERS) == _NOT_THERE
            )
    finally:
        transport.close()
    return False


def _certificate(endpoint: Endpoint, trial: Trial) -> None:
    """Who we are by our certificate, and whether anybody can take it for that. Files that cannot be read say so later,
    as they do in a call."""
    try:
        password = password_now(endpoint.client_key_password or "", endpoint.client_key_password_file)
        trial.account = subject(endpoint.client_certificate, password)
        if not is_for_clients(endpoint.client_certificate, password):
            trial.wrong.append(
                f"the client certificate {endpoint.client_certificate} lacks clientAuth in its extended key usage, so "
                "whoever we call refuses it: order one for clients (a function certificate), and set client_certificate"
            )
    except (OSError, ValueError):
        pass
