"""Connections to the store: a reading and a writing pool over one server (or a primary and its standby).

From every module of `store`; to PostgreSQL. Nothing outside `store` opens a connection.
"""

from __future__ import annotations

import json
import logging
import random
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn, TypeVar, cast

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.pool import QueuePool

from geoplatform.errors import (
    Conflict,
    NotAllowed,
    NotAuthorised,
    Outdated,
    SchemaMismatch,
    StoreBusy,
    StoreUnavailable,
    TooMany,
    Unfit,
    Unknown,
    UnknownPlace,
)
from geoplatform.refusals import Refusal

T = TypeVar("T")
log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_TRIES = 4
_LOADING_LOCK = 0x67656F6C  # "geol"
_POOL_LIFETIME_S = 1800
_CONNECT_TIMEOUT_S = 10
#: Where a connection keeps how its statements are planned.
_ONE_PLAN = "geoplatform.one_plan"
#: How long to wait for a statement to end after each time that the server was told to end it.
_PATIENCES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


class Store:
    """The store as one database role sees it. Make it once per process; close it at the end.

    `url` is a libpq connection string; `reading_url` another one for reads (a standby), the same by default;
    `role` is taken at once after connecting; `settings` are server settings of every session. `reading_conninfo`: how another
    driver connects as the readers do; it may hold a password.
    """

    def __init__(
        self,
        url: str,
        *,
        reading_url: str | None = None,
        role: str | None = None,
        pool_size: int = 8,
        settings: dict[str, str] | None = None,
    ) -> None:
        common = dict(settings or {})
        if role is not None:
            common["role"] = role
        self._writer = _pool(url, common, pool_size, autocommit=False)
        reading = reading_url or url, common | {"default_transaction_read_only": "on"}
        self._reader = _pool(*reading, pool_size, autocommit=True)
        self.reading_conninfo = make_conninfo(reading[0], options=_options(reading[1]))

    def close(self) -> None:
        """Give every connection back to the server."""
        self._writer.dispose()
        self._reader.dispose()

    @contextmanager
    def reading(self, cancellation: Cancellation | None = None, *, one_plan: bool = False) -> Iterator[Connection]:
        """A connection on which every statement is its own read-only transaction.

        `one_plan`: what is asked again and again is planned once, whatever its values: for statements that one index answers, and
        that take longer to be planned than to be run. StoreBusy also when `cancellation` ends its statement.
        """
        with (
            _translating(),
            self._reader.connect() as connection,
            cancellation.of(driver(connection)) if cancellation else nullcontext(),
        ):
            held = connection.connection.info
            if held.get(_ONE_PLAN, False) != one_plan:
                mode = "force_generic_plan" if one_plan else "auto"
                connection.exec_driver_sql(f"SET plan_cache_mode = {mode}")
                held[_ONE_PLAN] = one_plan
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose statements all see one moment (REPEATABLE READ, read-only)."""
        with _translating(), self._reader.connect() as connection:
            one_moment = connection.execution_options(isolation_level="REPEATABLE READ")
            with one_moment.begin():
                yield one_moment

    @contextmanager
    def bare(self, cancellation: Cancellation | None = None) -> Iterator[psycopg.Connection[Any]]:
        """The driver's own connection, as of `reading`: for what is asked so often that SQLAlchemy shows.

        StoreBusy also when `cancellation` ends its statement.
        """
        with _translating():
            held = self._reader.raw_connection()
            connection = cast(psycopg.Connection[Any], held.driver_connection)
            try:
                with cancellation.of(connection) if cancellation else nullcontext():
                    yield connection
            finally:
                held.close()

    def writing(self, work: Callable[[Connection], T], *, repeatable: bool = True) -> T:
        """What `work` returns, after its transaction is committed.

        The whole transaction is tried again when the connection is lost or the server asks for it (SQLSTATE 40001, 40P01). A
        connection that is lost at the commit leaves open whether it was done: `repeatable` says that doing it twice is as good as
        once, and it is tried again then too. StoreUnavailable when that does not help.
        """

        def attempt(told: _Told) -> T:
            with self._writer.begin() as connection:
                made = work(connection)
                told.may_be_done = True
            return made

        return _tried(attempt, repeatable=repeatable)

    def at_once(self, work: Callable[[psycopg.Connection[Any]], T], *, repeatable: bool = True) -> T:
        """The same of one statement, which is a transaction of its own, on the driver's own connection: half the questions to the
        server, and its locks are kept no longer than it takes."""

        def attempt(told: _Told) -> T:
            told.may_be_done = True
            held = self._writer.raw_connection()
            connection = cast(psycopg.Connection[Any], held.driver_connection)
            try:
                connection.autocommit = True
                return work(connection)
            finally:
                if not connection.closed:
                    connection.autocommit = False
                held.close()

        return _tried(attempt, repeatable=repeatable)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One writing transaction, tried once: for long loads, which their operator runs again."""
        try:
            with _translating(), self._writer.begin() as connection:
                yield connection
        except _Retry as passing:
            raise StoreUnavailable(str(passing)) from passing

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else who asks this is inside meanwhile, on any machine: for loads and activations. Waits its turn."""
        with _translating(), self._writer.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOADING_LOCK})")
            connection.commit()
            try:
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOADING_LOCK})")
                connection.commit()

    def require_schema(self) -> None:
        """SchemaMismatch unless the database holds the schema this program was written for."""
        with self.reading() as connection:
            found = connection.exec_driver_sql("SELECT published.schema_version()").scalar()
        if found != SCHEMA_VERSION:
            raise SchemaMismatch(
                f"the database holds schema version {found}, this program needs {SCHEMA_VERSION}",
                found=found,
                needed=SCHEMA_VERSION,
            )


class Cancellation:
    """By which one thread ends the statement that another waits for."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._busy = threading.Condition()
        self._asked = False

    @contextmanager
    def of(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Meanwhile this connection's statement is the one that `cancel` ends. StoreBusy if it was asked to before."""
        with self._busy:
            if self._asked:
                raise StoreBusy("nobody waits for this any more")
            self._connection = connection
        try:
            yield
        finally:
            with self._busy:  # a cancel that is under way reaches no later statement
                self._connection = None
                self._busy.notify_all()

    def cancel(self) -> None:
        """End the statement, or have it not begin. Returns when it ended, or when the server was told often enough."""
        with self._busy:
            self._asked = True
            for patience_s in _PATIENCES_S:
                if self._connection is None:
                    return
                try:
                    self._connection.cancel_safe(timeout=_CONNECT_TIMEOUT_S)
                except psycopg.Error as error:
                    log.warning("a query that nobody waits for goes on to its timeout: %s", error)
                    return
                self._busy.wait(patience_s)  # one that was about to begin was not ended: once more


class _Retry(Exception):
    """The server asks to run the transaction again."""


class _Told:
    """Whether what was tried may have been done before it failed."""

    may_be_done = False


def _tried(attempt: Callable[[_Told], T], *, repeatable: bool) -> T:
    for count in range(1, _TRIES + 1):
        told = _Told()
        try:
            with _translating():
                return attempt(told)
        except (_Retry, StoreUnavailable) as passing:
            is_unsure = told.may_be_done and not repeatable and isinstance(passing, StoreUnavailable)
            if is_unsure or count == _TRIES:
                raise StoreUnavailable(str(passing)) from passing
            log.warning("transaction tried again (%d of %d): %s", count, _TRIES, passing)
            time.sleep(random.uniform(0.01, 0.05) * 2**count)  # noqa: S311 - not cryptography
    raise AssertionError("unreachable")


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection below, for COPY and cursors that SQLAlchemy does not know."""
    raw = connection.connection.driver_connection
    return cast(psycopg.Connection[Any], raw)


def _pool(url: str, settings: dict[str, str], size: int, *, autocommit: bool) -> Any:
    options = _options(settings)

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(url, options=options, connect_timeout=_CONNECT_TIMEOUT_S, application_name="geoplatform")

    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        pool_use_lifo=True,  # statements stay prepared on the connections that are used
        hide_parameters=True,  # they are what people wrote: nothing for a log
        pool_recycle=_POOL_LIFETIME_S,
        isolation_level="AUTOCOMMIT" if autocommit else "READ COMMITTED",
    )
    event.listen(engine, "checkout", _refuse_lost)
    return engine


def _refuse_lost(connection: psycopg.Connection[Any], *_: object) -> None:
    """DisconnectionError, upon which the pool connects anew, if the server has closed an idle connection.

    An idle connection has nothing to be read but its end. To ask the server, as `pool_pre_ping` does, takes longer than a tile.
    """
    if not connection.closed:
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if not waiting.poll(0):
            return
    raise exc.DisconnectionError("the server closed an idle connection")


def _options(settings: dict[str, str]) -> str:
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


@contextmanager
def _translating() -> Iterator[None]:
    """Turns what the driver raises about the server (not about our data) into our own nouns."""
    try:
        yield
    except exc.TimeoutError as full:
        raise StoreBusy("every database connection is in use") from full
    except exc.DBAPIError as wrapped:
        _raise_as_ours(wrapped.orig, wrapped)
        raise
    except psycopg.Error as bare:
        _raise_as_ours(bare, bare)
        raise


def _refuse(error: psycopg.Error, cause: BaseException) -> NoReturn:
    """Raise what a function of the database refused: its message is a code, its detail are the facts (sql/119_caller.sql)."""
    code, facts = error.diag.message_primary or "", json.loads(error.diag.message_detail or "{}")
    parameter = facts.pop("parameter", "")
    reason = Refusal(code, **facts)
    match error.sqlstate:
        case "GP401":
            raise NotAuthorised(reason) from cause
        case "GP404" if code == "unknown_place":
            raise UnknownPlace(facts["identifier"]) from cause
        case "GP404":
            raise Unknown(code.removeprefix("unknown_"), facts["identifier"]) from cause
        case "GP409":
            raise Conflict(reason) from cause
        case "GP412":
            raise Outdated(reason) from cause
        case "GP422":
            raise Unfit(parameter, None, reason) from cause
        case "GP429":
            raise TooMany(reason) from cause
    raise NotAllowed(reason) from cause


def _raise_as_ours(error: BaseException | None, cause: BaseException) -> None:
    if isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("GP"):
        _refuse(error, cause)
    if isinstance(error, pg.QueryCanceled):
        raise StoreBusy("the query took longer than it may (statement timeout)") from cause
    if isinstance(error, pg.SerializationFailure | pg.DeadlockDetected):
        raise _Retry(str(error)) from cause
    if isinstance(error, pg.UndefinedTable | pg.UndefinedFunction | pg.InvalidSchemaName):
        raise SchemaMismatch(f"the database lacks what this program needs: {error}") from cause
    if isinstance(error, psycopg.OperationalError):
        raise StoreUnavailable(f"the database does not answer: {error}") from cause
