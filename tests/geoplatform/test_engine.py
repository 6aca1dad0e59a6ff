"""Connections that the server ends are replaced without anybody noticing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from geoplatform.errors import StoreUnavailable

END_ALL = """
    SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'geoplatform'
"""


def number(store) -> int:
    with store.reading() as connection:
        return connection.execute(text("SELECT 42")).scalar_one()


def test_reads_and_writes_go_on_after_the_server_ended_every_idle_connection(database):
    store = database.store("geoplatform_web")
    assert number(store) == 42
    store.writing(lambda connection: connection.execute(text("SELECT 1")))
    for _ in range(3):
        assert database.rows(END_ALL)[0][0] == 2
        assert number(store) == 42
        assert store.writing(lambda connection: connection.execute(text("SELECT 7")).scalar_one()) == 7


def test_several_idle_connections_ended_at_once_are_all_replaced(database):
    store = database.store("geoplatform_web")
    with store.reading(), store.reading(), store.reading():
        pass
    assert database.rows(END_ALL)[0][0] == 3
    with store.reading() as one, store.reading() as two, store.reading() as three:
        assert [c.execute(text("SELECT 1")).scalar_one() for c in (one, two, three)] == [1, 1, 1]


@pytest.mark.parametrize(("repeatable", "times"), [(True, 4), (False, 1)])
def test_what_is_no_good_twice_is_not_repeated_once_it_may_have_been_done(database, repeatable, times):
    store, done = database.store("geoplatform_web"), []

    def work(connection):
        done.append(connection.execute(text("SELECT 1")).scalar_one())
        assert database.rows(END_ALL)[0][0] >= 1  # the answer to the commit is lost

    with pytest.raises(StoreUnavailable):
        store.writing(work, repeatable=repeatable)
    assert len(done) == times


def test_what_came_to_no_end_is_repeated_whatever_it_is(database):
    store, done = database.store("geoplatform_web"), []

    def work(connection):
        done.append(1)
        if len(done) == 1:
            database.rows(END_ALL)
        return connection.execute(text("SELECT 42")).scalar_one()

    assert store.writing(work, repeatable=False) == 42
    assert len(done) == 2


def test_a_statement_at_once_is_a_transaction_of_its_own(database):
    store, written = (
        database.store("geoplatform_owner"),
        "SELECT count(*) FROM geoplatform.revision_step WHERE steps = 974",
    )
    insert = "INSERT INTO geoplatform.revision_step (data, steps) VALUES ('limits', 974)"

    def work(connection):
        connection.execute(text(insert))
        raise KeyError

    assert store.at_once(lambda connection: connection.execute(insert).rowcount) == 1
    assert database.rows(written) == [(1,)]
    with pytest.raises(KeyError):
        store.writing(work)  # the connection is as it was before
    assert database.rows(written) == [(1,)]


@pytest.mark.parametrize(("repeatable", "times"), [(True, 4), (False, 1)])
def test_a_statement_at_once_that_may_have_been_done_is_repeated_if_it_may_be(database, repeatable, times):
    store, done = database.store("geoplatform_web"), []

    def work(connection):
        done.append(1)
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreUnavailable):
        store.at_once(work, repeatable=repeatable)
    assert len(done) == times
    assert store.at_once(lambda connection: connection.execute("SELECT 7").fetchone()) == (7,)
