"""The worker: makes the cuts that people ask for, one at a time, as releases of one scope.

From the queue, which the web fills through the store; to `exports.publishing`.

A cut is never stuck: one whose worker was killed is taken up again, told as failed after some tries, and can be asked for anew.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import DeleteJobCondition, Job, Status

from exports import publishing
from exports.publishing import Wanted
from exports.retention import Retention
from geoplatform.errors import GeoplatformError, NoVintage, StoreBusy, StoreUnavailable, Underway, Unknown
from geoplatform.progress import Progress, Step
from geoplatform.store import cuts, releases
from geoplatform.store.cuts import Problem
from geoplatform.store.engine import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

TASK = "cut"
#: How often a cut is begun before it has failed.
_TRIES = 3
_TELL_EVERY_S = 0.3
#: A worker that has not been heard of for so long is dead; how often each tells that it is not, and looks for those that are.
_DEAD_AFTER_S, _ALIVE_EVERY_S = 20.0, 4.0
#: How long a cut may go on after the worker is told to stop.
_PATIENCE_S = 3.0
_PASSING = (StoreUnavailable, StoreBusy, Underway)


def work(
    store: Store,
    conninfo: str,
    options: str,
    folder: Path,
    *,
    processes: int,
    keep: Retention,
    until_empty: bool = False,
) -> None:
    """Make cuts into `folder` until SIGTERM or SIGINT; with `until_empty`, until none waits.

    `store`, and `conninfo` with libpq `options`: the exporter's. StoreUnavailable if the database goes away.
    """
    connector = PsycopgConnector(conninfo=conninfo, kwargs={"options": options}, min_size=1, max_size=3)
    app = App(connector=connector)
    task = app.task(name=TASK, queue=cuts.QUEUE, pass_context=True, retry=_Again())
    task(_cutting(store, folder, processes, keep))
    try:
        asyncio.run(_run(app, store, until_empty))
    except ConnectorException as error:
        raise StoreUnavailable(f"the queue does not answer: {error}") from error


async def _run(app: App, store: Store, until_empty: bool) -> None:
    async with app.open_async():
        await _take_up(app, store)
        watching = asyncio.create_task(_watch(app, store))
        try:
            await app.run_worker_async(
                queues=[cuts.QUEUE],
                wait=not until_empty,
                delete_jobs=DeleteJobCondition.ALWAYS,
                update_heartbeat_interval=_ALIVE_EVERY_S,
                stalled_worker_timeout=_DEAD_AFTER_S,
                shutdown_graceful_timeout=_PATIENCE_S,
            )
        finally:
            watching.cancel()


async def _watch(app: App, store: Store) -> None:
    while True:
        await asyncio.sleep(_ALIVE_EVERY_S)
        try:
            await _take_up(app, store)
        except (ConnectorException, GeoplatformError) as error:
            log.warning("what dead workers left is looked for later: %s", error)


async def _take_up(app: App, store: Store) -> None:
    """Have the cuts of workers that were killed begun again, or tell them as failed."""
    for job in await app.job_manager.get_stalled_jobs(queue=cuts.QUEUE, seconds_since_heartbeat=_DEAD_AFTER_S):
        if job.attempts + 1 < _TRIES:
            await app.job_manager.retry_job(job)
        else:
            await asyncio.to_thread(_end, store, int(str(job.task_kwargs["number"])), problem="interrupted")
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    await asyncio.to_thread(store.writing, lambda connection: cuts.mend(connection, _now()))


class _Again(BaseRetryStrategy):
    """A cut that its worker gave back is begun again: at once after a stop, later if the store or another run was in the way."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobAborted):
            return RetryDecision(retry_in={"seconds": 0})
        return RetryDecision(retry_in={"seconds": 5}) if isinstance(exception, _PASSING) else None


def _cutting(store: Store, folder: Path, processes: int, keep: Retention) -> Callable[[JobContext, int], None]:
    def cut(context: JobContext, number: int) -> None:
        scope = store.writing(lambda connection: cuts.begin(connection, number, _now()))
        if scope is None:
            return
        wanted = Wanted(datasets=("places",), scopes=(scope,))
        progress = _Told(store, number, context.should_abort)
        try:
            now = _now()
            publishing.publish(store, folder, wanted, progress, workers=processes, now=now, keep=keep)
            with store.reading() as connection:
                made = releases.current_name(connection, cuts.dataset_of(*scope))
            _end(store, number, release=made)
        except JobAborted:
            _end(store, number)
            raise
        except _PASSING as error:
            log.warning("cut %d of %s %s: %s", number, *scope, error)
            if context.job.attempts + 1 < _TRIES:
                _end(store, number)
                raise
            _end(store, number, problem="interrupted")
        except GeoplatformError as error:
            log.error("cut %d of %s %s: %s", number, *scope, error)
            _end(store, number, problem=_problem(error))
            publishing.forget(folder, wanted)
        except BaseException:  # nobody foresaw it: loud in the log, and no page waits for ever
            _end(store, number, problem="failed")
            raise

    return cut


def _problem(error: GeoplatformError) -> Problem:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "full"
    return "gone" if isinstance(error, Unknown | NoVintage) else "failed"


def _end(store: Store, number: int, *, release: str | None = None, problem: Problem | None = None) -> None:
    store.writing(lambda connection: cuts.end(connection, number, _now(), release=release, problem=problem))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class _Told(Progress):
    """Progress that is told to the store, where the page reads it. Leaves by JobAborted when the worker is to stop."""

    def __init__(self, store: Store, number: int, is_stopping: Callable[[], bool]) -> None:
        super().__init__()
        self.store = store
        self.number = number
        self.is_stopping = is_stopping

    def tell(self, step: str, done: int, total: int | None) -> None:
        """Tell how far it is."""
        self.store.writing(lambda connection: cuts.tell(connection, self.number, step, done, total))

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A step, told as it begins and now and then."""
        self.tell(title, 0, None)
        with super().step(title):
            yield _ToldStep(self, title)


class _ToldStep(Step):
    def __init__(self, progress: _Told, title: str) -> None:
        super().__init__()
        self.progress = progress
        self.title = title

    def track(
        self, items: Iterable[T], total: int | None = None, size: Callable[[T], int] = lambda item: 1
    ) -> Iterator[T]:
        done, told = 0, 0.0
        for item in items:
            yield item
            if self.progress.is_stopping():
                raise JobAborted
            done += size(item)
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                self.progress.tell(self.title, done, total)
