"""What several folders of tests share: stores of runs, and a predictor with trees."""

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


@pytest.fixture(scope="session")
def grown_predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A predictor's folder with trees, not to be changed: of two starts, one has them."""
    from metaselect.runs.schema import check_runs
    from metaselect.runs.simulated import simulated_runs
    from metaselect.selector import TaskSelector

    folder = tmp_path_factory.mktemp("grown") / "predictor"
    runs = check_runs(simulated_runs(seed=0, noise=0.01), percent=False)
    kept = runs[runs["target"].isin(["xnli", "xquad", "udpos"])].reset_index(drop=True)
    selector = TaskSelector(n_trials=2, n_best=2, n_folds=2, chance=None)
    selector.fit(kept).save_pretrained(folder)
    return folder
