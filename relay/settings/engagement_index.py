"""The settings of an index, declared as those of `relay.settings.model` are."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from relay.keyfiles import SUFFIXES
from relay.settings import kinds
from relay.settings.table import Table, at_least

LONGEST_HOLD: Final = timedelta(minutes=45)  # three quarters of the hour in which a change must be sent


class EngagementIndex(Table):
    """An Engagemangsindex: how it is reached, and how much it may be asked."""

    url: kinds.HttpUrl = Field(description="Address of the Update service.")
    logical_address: kinds.HsaId = Field(
        description="What the index itself is called, for the LogicalAddress header (R-02): "
        "5565594230 for the national one."
    )
    client_certificate: kinds.FilePath = Field(
        None,
        description="Our function certificate, PEM, the leaf first; or PKCS#12 (.p12, .pfx) with its key, for which "
        "the extra `pkcs12` is installed. Required for https (R-37). Read again when it changes.",
    )
    client_key: kinds.FilePath = Field(
        None,
        description="The certificate's private key, PEM; required for https, but where client_certificate is PKCS#12. "
        "Read again when it changes.",
    )
    client_key_password: SecretStr = Field(
        SecretStr(""), description="Password of client_key or of the PKCS#12 file, where it has one; better in a file."
    )
    client_key_password_file: kinds.FilePath = Field(
        None,
        description="A file with that password, instead of client_key_password. Read again when it changes, so a "
        "renewal may bring a new one.",
    )
    client_hsa_id: kinds.OptionalHsaId = Field(
        "",
        description="The HSA-id that the platform knows our certificate by, as it was ordered; if set, `config check` "
        "compares it with the certificate's serialNumber.",
    )
    ca_bundle: kinds.FilePath = Field(
        None,
        description="Authorities that the server's certificate is verified with, PEM; required for https.",
    )
    proxy: kinds.OptionalHttpUrl = Field(
        "", description="An HTTP proxy on the way to the index, such as http://proxy:3128.", repr=False
    )
    original_consumer: kinds.OptionalHsaId = Field(
        "", description="x-rivta-original-serviceconsumer-hsaid, sent if set: who the calls come from (R-36)."
    )
    on_behalf_of: kinds.OptionalHsaId = Field(
        "", description="x-rivta-acting-on-behalf-of-hsaid, sent if set: whom the calls are made for (R-36)."
    )
    max_posts_per_call: kinds.Count = Field(
        1000, description="Most posts in one call. The national index takes at most 1000 (R-30)."
    )
    min_posts_per_call: kinds.Count = Field(
        2,
        description="Fewest posts in one call: the index keeps a call of one post in memory and loses it when its back "
        "end stops. A call that would be smaller takes posts along that the index has already, which notifies nobody; "
        "1: never.",
    )
    lone_delete_wait: kinds.Duration = Field(
        timedelta(minutes=10),
        description="How long a delete that would go alone waits for another post to go with, from when it was "
        "registered; at most 45 minutes, whatever stands here (R-33).",
    )
    refresh_every: kinds.DurationOrOff = Field(
        timedelta(days=7),
        description="Each post in the index is sent again at least so often, at the pace of bulk and spread evenly, so "
        "that what the index lost comes back; 0: never.",
    )
    key_spacing: kinds.Duration = Field(
        timedelta(minutes=5), description="Least time between two sends of one key (R-32)."
    )
    retry_after_fault: kinds.Duration = Field(
        timedelta(minutes=5), description="Pause after a fault or a time-out; it grows with each one (R-35)."
    )
    retry_after_fault_max: kinds.Duration = Field(
        timedelta(minutes=15),
        description="What the pause after a fault grows to: the time a recovered index waits.",
    )
    bulk_call_interval: kinds.Duration = Field(
        timedelta(seconds=5), description="Pause between calls of an initial load or a mass resend (R-34)."
    )
    split_call_interval: kinds.Duration = Field(
        timedelta(seconds=5), description="Pause between the calls that narrow down a post the index refuses."
    )
    connect_timeout: kinds.PositiveDuration = Field(timedelta(seconds=5), description="Longest wait for a connection.")
    read_timeout: kinds.PositiveDuration = Field(
        timedelta(seconds=75),
        description="Longest silence from a connected index. The platform answers after up to 72 s: with less, a slow "
        "call that was accepted counts as a time-out and is sent again.",
    )
    call_timeout: kinds.PositiveDuration = Field(
        timedelta(seconds=90),
        description="Longest time of a whole call, however slowly it drips; the lane of a killed worker is "
        "free again 10 s after it.",
    )
    wsdl: kinds.FilePath = Field(None, description="A WSDL of your own instead of the built-in one.")
    find_content_url: kinds.OptionalHttpUrl = Field(
        "",
        description="Address of the FindContent service of a regional or test index that allows it, for "
        "`ei-relay verify`. The national index may not be asked in production (R-39).",
        repr=False,
    )
    verify_every: kinds.OptionalDuration = Field(
        None,
        description='How often the workers compare a sample with the index, such as "24h"; left out, never. Needs '
        "find_content_url.",
    )
    verify_sample: kinds.Count = Field(
        200, description="How many posts such a sample has; the residents of these are asked for, one a second."
    )

    @property
    def least_posts(self) -> int:
        """Fewest posts of a call that is not alone; 1 where no call can be."""
        return min(self.min_posts_per_call, self.max_posts_per_call)

    @property
    def longest_hold(self) -> timedelta:
        """How long a delete waits for another post to go with, at most."""
        return min(self.lone_delete_wait, LONGEST_HOLD)

    @field_validator("client_certificate", "client_key", "ca_bundle")
    @classmethod
    def _required_for_https(cls, value: object, info: ValidationInfo) -> object:
        if value is None and str(info.data.get("url", "")).lower().startswith("https://"):
            certificate = info.data.get("client_certificate")
            if info.field_name == "client_key" and certificate is not None and certificate.suffix.lower() in SUFFIXES:
                return value
            raise ValueError("required, since url is https: expected the path of a PEM file")
        return value

    @field_validator("client_key_password_file")
    @classmethod
    def _one_password(cls, value: object, info: ValidationInfo) -> object:
        password = info.data.get("client_key_password")
        if value is not None and password is not None and password.get_secret_value():
            raise ValueError("expected either this or client_key_password, not both")
        return value

    @field_validator("retry_after_fault_max")
    @classmethod
    def _at_least_the_first_pause(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return at_least("retry_after_fault", value, info)

    @field_validator("read_timeout")
    @classmethod
    def _at_least_the_connect_timeout(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return at_least("connect_timeout", value, info)

    @field_validator("call_timeout")
    @classmethod
    def _at_least_the_read_timeout(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return at_least("read_timeout", value, info)
