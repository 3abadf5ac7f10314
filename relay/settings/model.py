"""Every setting, declared once: its name, kind, default and reason.

The names are the keys of the TOML file. Relations between values of one table are checked here; those
between tables are in `relay.settings.relations`, since they must be reported even when a table has other
mistakes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from relay.settings import kinds
from relay.settings.console import Console
from relay.settings.duration import format_duration
from relay.settings.finding import Finding
from relay.settings.full_list import FullList
from relay.settings.outboxes import Place, place_of
from relay.settings.spool import spool_folder
from relay.settings.surge import SurgeGuard

LONGEST_HOLD: Final = timedelta(minutes=45)  # three quarters of the hour in which a change must be sent


class _Table(BaseModel):
    # Defaults are validated too: a default can be wrong beside what the operator chose for its neighbour.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class EngagementIndex(_Table):
    """An Engagemangsindex: how it is reached, and how much it may be asked."""

    url: kinds.HttpUrl = Field(description="Address of the Update service.")
    logical_address: kinds.HsaId = Field(
        description="What the index itself is called, for the LogicalAddress header (R-02): "
        "5565594230 for the national one."
    )
    client_certificate: kinds.FilePath = Field(
        None,
        description="Our function certificate, PEM; required for https (R-37). Read again when it changes.",
    )
    client_key: kinds.FilePath = Field(
        None,
        description="The certificate's private key, PEM; required for https. Read again when it changes.",
    )
    client_key_password: SecretStr = Field(
        SecretStr(""), description="Passphrase of client_key, where it has one; best given as a …_FILE."
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
            raise ValueError("required, since url is https: expected the path of a PEM file")
        return value

    @field_validator("retry_after_fault_max")
    @classmethod
    def _at_least_the_first_pause(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least("retry_after_fault", value, info)

    @field_validator("read_timeout")
    @classmethod
    def _at_least_the_connect_timeout(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least("connect_timeout", value, info)

    @field_validator("call_timeout")
    @classmethod
    def _at_least_the_read_timeout(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least("read_timeout", value, info)


class Source(FullList, _Table):
    """A booking system's outbox, and whose posts it makes."""

    name: kinds.Slug = Field(description="The source's name in commands, metrics and logs, a slug: [a-z0-9-].")
    title: str = Field("", description="The booking system's name, for orders (R-52); left out, the name.")
    source_systems: Annotated[tuple[kinds.HsaId, ...], Field(min_length=1)] = Field(
        description="HSA-ids sent as sourceSystem, exactly as written here (R-52); the first is the default "
        "of rows that name none. Each is called for in sequence (R-31), so it stands in one source only."
    )
    data_controller: kinds.DataController = Field(
        description="Organisation number or HSA-id of the personuppgiftsansvarig, for rows and care units "
        "that name none."
    )
    engagement_index: str = Field(description="The engagement_index that the source's posts go to.")
    outbox_url: kinds.OutboxUrl = Field(
        "", description="The database that holds the outbox; left out, the relay's own.", repr=False
    )
    wake_up: bool = Field(
        False,
        description="The relay listens for the trigger of `ei-relay outbox ddl --wake-up`, and takes rows as they are "
        "committed instead of at the next look. For outboxes on PostgreSQL.",
    )
    wake_up_url: kinds.OutboxUrl = Field(
        "",
        description="Where it listens, where outbox_url leads to a pooler such as PgBouncer: a direct address of the "
        "same database; left out, outbox_url.",
        repr=False,
    )
    outbox_table: kinds.TableName = Field("ei_outbox", description="The outbox table, with its schema if need be.")
    care_units: kinds.CareUnitsFile = Field(
        kinds.ALL,
        description='The connected care units: "*" for all, or a CSV file (R-20). Columns: hsa_id, name, '
        "county, municipality_code, municipality, address, active, data_controller.",
    )
    test_residents: kinds.ResidentsFile = Field(
        None,
        description='A file of the identities that may be sent, one a line; "*" for all. Required in qa, '
        "where only approved test identities are used (R-55); ignored in production.",
    )

    local_identities: kinds.LocalIdentities = Field(
        "",
        description='What the source\'s local reserve identities look like, a regular expression: "99[0-9]{10}". '
        "Their bookings are remembered and not published, until one comes with a national identity (R-07).",
    )

    contracts: tuple[str, ...] = Field(
        (),
        description="The contracts of Tidbokning (crm:scheduling) that the booking system offers as producer, for the "
        "order to NTjP: GetAvailableTimeslots, MakeBooking and so on (R-51).",
    )

    @field_validator("title")
    @classmethod
    def _name_by_default(cls, value: str, info: ValidationInfo) -> str:
        return value.strip() or str(info.data.get("name", ""))


class Retention(_Table):
    """How long the relay keeps what it no longer needs for its work. What is over is pruned about hourly."""

    bookings: kinds.PositiveDuration = Field(
        timedelta(days=90),
        description="Personal data of a booking, counted from when it was removed or its time passed: what it said, "
        "and its posts once they are gone from the index.",
    )
    tombstones: kinds.PositiveDuration = Field(
        timedelta(days=365),
        description="That there was such a booking, and its versions, counted likewise: so long an older version that "
        "comes late cannot bring it back.",
    )
    receipts: kinds.PositiveDuration = Field(
        timedelta(days=90),
        description="What became of each outbox row: so long a repeated event_id is a duplicate, and a row that is "
        "read again gets the outcome it got first.",
    )
    calls: kinds.PositiveDuration = Field(
        timedelta(days=90), description="Each call with its verdict and correlation id, for questions to the index."
    )
    audit: kinds.PositiveDuration = Field(timedelta(days=365), description="Who changed what by a command, and why.")
    outbox: kinds.OptionalDuration = Field(
        None,
        description="Settled rows of the outboxes, counted from when they were settled; left out, they are left to the "
        "booking systems. Needs the right to delete: the role ei_outbox_cleaner.",
    )

    @field_validator("tombstones")
    @classmethod
    def _at_least_the_bookings(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _at_least("bookings", value, info)


class Region(_Table):
    """Who orders and declares: the region, as it stands in mails to 1177's administration (R-51, R-52)."""

    name: str = Field("", description="The region's name, in orders: Region Nord.")
    organisation_number: str = Field("", description="The region's organisation number, in orders.")
    contact_name: str = Field("", description="The person whom questions about an order go to.")
    contact_email: str = Field("", description="That person's mail address; orders are sent from it.")
    contact_phone: str = Field("", description="That person's telephone number.")


class Settings(_Table):
    """The whole configuration, checked."""

    environment: Literal["qa", "production"] = Field(
        description="Where the relay sends to; each has its own addresses and certificates (R-50)."
    )
    database_url: kinds.DatabaseUrl = Field(
        description="The relay's own state. PostgreSQL in production; sqlite:///… serves one process.",
        repr=False,
    )
    broker_url: kinds.BrokerUrl = Field(
        "redis://localhost:6379/0",
        description="Redis or Valkey, which spreads the work over workers; not needed by `ei-relay run`. "
        "`rediss://` is encrypted, and its certificate verified: `?ssl_ca_certs=/path` names its authority.",
        repr=False,
    )
    broker_sentinel_master: str = Field(
        "", description="What the Sentinels call the servers that are the broker; required with sentinel://."
    )
    broker_sentinel_user: str = Field("", description="The account at the Sentinels themselves, where it has a name.")
    broker_sentinel_password: SecretStr = Field(
        SecretStr(""), description="The password of the Sentinels themselves; that of the servers stands in broker_url."
    )
    broker_password_file: kinds.FilePath = Field(
        None,
        description="A file with the password of the broker's servers, instead of one in broker_url. Read at each "
        "connection, so a new password needs no restart.",
    )
    poll_interval: kinds.PositiveDuration = Field(timedelta(seconds=1), description="How often an outbox is looked at.")
    quiet_poll_interval: kinds.PositiveDuration = Field(
        timedelta(seconds=5),
        description="How often at least one is that is quiet, or whose database notifies (wake_up): after a silence it "
        "is looked at each tenth of that, so a new booking waits no longer than this. At most 1m.",
    )
    worker_threads: kinds.Count = Field(
        16,
        description="Lanes and outboxes that one worker serves at once; they mostly wait for a network.",
    )
    spool_dir: kinds.SpoolDir = Field(
        "",
        description="A folder where a worker keeps that a call was accepted until the database has it: a small file a "
        "call, without personal data, so that not even a killed worker forgets it. It should outlive the process. Left "
        "out: under systemd in its StateDirectory, with SQLite beside the database, else in the folder for temporary "
        'files; "off": nowhere.',
    )
    log_level: kinds.LogLevel = Field("INFO", description="The least severe log line that is written.")
    log_format: Literal["json", "text"] = Field(
        "json", description="json: one object a line, for machines. text: for people."
    )
    exporter_port: kinds.Port = Field(9464, description="Where `ei-relay exporter` serves metrics and health.")
    worker_metrics_port: kinds.PortOrOff = Field(
        9465,
        description="Where a worker, or `ei-relay run`, serves its own counters and health; 0: nowhere. Two workers on "
        "one host need two ports: set EI_RELAY_WORKER_METRICS_PORT for each. One whose port is taken says so and works "
        "on without.",
    )
    retention: Retention = Field(
        default_factory=lambda: Retention.model_validate({}),
        description="How long is kept what is over: [retention], with a default for every key.",
    )
    region: Region = Field(
        default_factory=lambda: Region.model_validate({}),
        description="Who orders and declares: [region]; needed only by `ei-relay onboarding`.",
    )
    surge_guard: SurgeGuard = Field(
        default_factory=lambda: SurgeGuard.model_validate({}),
        description="What is held until somebody approves it: [surge_guard], with a default for every key.",
    )
    console: Console = Field(
        default_factory=lambda: Console.model_validate({}),
        description="The web page: [console]; needed only by `ei-relay console`.",
    )
    engagement_index: Annotated[dict[kinds.IndexName, EngagementIndex], Field(min_length=1)] = Field(
        description="The indexes, by name: [engagement_index.national]."
    )
    source: Annotated[tuple[Source, ...], Field(min_length=1)] = Field(
        description="The booking systems' outboxes: one [[source]] each."
    )

    @field_validator("broker_sentinel_master")
    @classmethod
    def _required_for_sentinel(cls, value: str, info: ValidationInfo) -> str:
        if not value and "sentinel" in str(info.data.get("broker_url", "")).partition("://")[0]:
            raise ValueError("required, since broker_url names Sentinels: expected what they call the servers")
        return value

    _warnings: tuple[Finding, ...] = PrivateAttr(())

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What an operator should know of, though nothing is refused for it."""
        return self._warnings

    def with_warnings(self, warnings: tuple[Finding, ...]) -> Self:
        """These settings, with warnings."""
        copy = self.model_copy()
        copy._warnings = warnings
        return copy

    @property
    def names_a_broker(self) -> bool:
        """Whether a broker_url was given: one process needs none, and the default does not say that there is one."""
        return "broker_url" in self.model_fields_set

    @property
    def spool_folder(self) -> Path | None:
        """Where acceptances are kept, a folder of this relay's own; None: nowhere."""
        return spool_folder(self.spool_dir, self.database_url)

    def outbox_url_of(self, source: Source) -> str:
        """The database that holds the source's outbox."""
        return source.outbox_url or self.database_url

    def wake_up_url_of(self, source: Source) -> str | None:
        """Where the database of the source's outbox notifies of new rows; None where nobody is to listen."""
        return (source.wake_up_url or self.outbox_url_of(source)) if source.wake_up else None

    def outbox_of(self, source: Source) -> Place:
        """The table that the source reads; equal for sources that share one."""
        return place_of(self.outbox_url_of(source), source.outbox_table)


def _at_least(other: str, value: timedelta, info: ValidationInfo) -> timedelta:
    least = info.data.get(other)  # absent when it has a mistake of its own
    if isinstance(least, timedelta) and value < least:
        raise ValueError(f"expected at least {other}, which is {format_duration(least)}")
    return value
