"""Tries the way to an index as calls go, up to the first byte: proxy, TLS with our certificate, and nothing sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from relay.index.certificate import is_for_clients, subject
from relay.index.endpoint import Endpoint
from relay.index.transport import Transport
from relay.settings.trial import Trial

REFUSAL_SECONDS: Final = 2.0  # some servers ask others about a certificate before they refuse it


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
    through = " through the proxy" if endpoint.proxy else ""
    if not encrypted:
        trial.did.append(f"TCP answers{through}; not encrypted")
    elif endpoint.client_certificate:
        trial.did.append(f"TCP and {version} answer{through}, certificates accepted")
    else:
        trial.did.append(f"TCP and {version} answer{through}, its certificate accepted; we have none")


def _certificate(endpoint: Endpoint, trial: Trial) -> None:
    """Who we are by our certificate, and whether anybody can take it for that. Files that cannot be read say so later,
    as they do in a call."""
    try:
        trial.account = subject(endpoint.client_certificate)
        if not is_for_clients(endpoint.client_certificate):
            trial.wrong.append(
                f"the client certificate {endpoint.client_certificate} lacks clientAuth in its extended key usage, so "
                "whoever we call refuses it: order one for clients (a function certificate), and set client_certificate"
            )
    except (OSError, ValueError):
        pass
