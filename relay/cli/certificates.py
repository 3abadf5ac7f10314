"""What is to be said of client certificates: one that ends soon, has ended, is not valid yet, is not for clients, or
stands in its file without its issuers; or one for another HSA-id than was ordered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from relay.index.certificate import hsa_id, is_for_clients, stands_alone, validity
from relay.report.health import CERTIFICATE_ENDS
from relay.settings import Finding, Settings
from relay.settings.files import key_password
from relay.settings.finding import show


def warnings(settings: Settings, now: datetime) -> Iterator[Finding]:
    """A warning for each certificate that is not valid for another 30 days, and for each that some will not accept; one
    that cannot be read is a mistake, and reported as such elsewhere."""
    for name, index in settings.engagement_index.items():
        if index.client_certificate is None:
            continue
        try:
            password = key_password(index)
            valid = validity(str(index.client_certificate), password)
        except (OSError, ValueError):
            continue
        path, bundle = str(index.client_certificate), str(index.ca_bundle or "")
        key, shown = f"engagement_index.{name}.client_certificate", show(str(index.client_certificate))
        if valid.not_after <= now:
            yield Finding(key, shown, f"it ended on {valid.not_after:%Y-%m-%d}: renew it")
        elif valid.not_before > now:
            yield Finding(
                key, shown, f"it is not valid before {valid.not_before:%Y-%m-%d %H:%M}Z: check the clock, or wait"
            )
        elif valid.not_after - now < CERTIFICATE_ENDS:
            days = (valid.not_after - now).days
            yield Finding(key, shown, f"it ends on {valid.not_after:%Y-%m-%d}, in {days} days: renew it")
        with suppress(OSError, ValueError):
            if not is_for_clients(path, password):
                yield Finding(key, shown, "it lacks clientAuth in its extended key usage: order one for clients")
            named = hsa_id(path, password)
            if index.client_hsa_id and named.upper() != index.client_hsa_id.upper():
                said = f"is for {named}" if named else "has no serialNumber"
                ordered = f"client_hsa_id says {index.client_hsa_id}: the platform may not know us by it"
                yield Finding(key, shown, f"it {said}, and {ordered}")
            if stands_alone(path, bundle, password):
                yield Finding(
                    key, shown, "its issuer's certificate is not in the file: put the whole chain there, the leaf first"
                )
