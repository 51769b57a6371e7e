"""What several folders of tests share: a store on SQLite, and on PostgreSQL where there is one."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

POSTGRES = "METASELECT_TEST_POSTGRES"  # URL of a database in which tests may make schemas


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A URL whose connections see a fresh schema, dropped at the end."""
    import sqlalchemy as sa

    given = os.environ.get(POSTGRES)
    if given is None:
        pytest.skip(f"needs a PostgreSQL server: set {POSTGRES} to its URL")
    schema = f"metaselect_{uuid.uuid4().hex}"
    engine = sa.create_engine(given, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    query = {"options": f"-csearch_path={schema}"}
    yield engine.url.update_query_dict(query).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.schema.DropSchema(schema, cascade=True))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    return str(request.getfixturevalue("postgres_url"))
