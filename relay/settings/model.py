"""Every setting, declared once: its name, kind, default and reason.

The names are the keys of the TOML file. Relations between values of one table are checked here; those
between tables are in `relay.settings.relations`, since they must be reported even when a table has other
mistakes.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from relay.settings import kinds
from relay.settings.console import Console
from relay.settings.engagement_index import EngagementIndex
from relay.settings.finding import Finding
from relay.settings.full_list import FullList
from relay.settings.outboxes import Place, place_of
from relay.settings.spool import spool_folder
from relay.settings.surge import SurgeGuard
from relay.settings.table import Table, at_least


class Source(FullList, Table):
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


class Retention(Table):
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
        return at_least("bookings", value, info)


class Region(Table):
    """Who orders and declares: the region, as it stands in mails to 1177's administration (R-51, R-52)."""

    name: str = Field("", description="The region's name, in orders: Region Nord.")
    organisation_number: str = Field("", description="The region's organisation number, in orders.")
    contact_name: str = Field("", description="The person whom questions about an order go to.")
    contact_email: str = Field("", description="That person's mail address; orders are sent from it.")
    contact_phone: str = Field("", description="That person's telephone number.")


class Settings(Table):
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
