"""The table of students by SQLAlchemy's ORM over PyMySQL: one engine per process, a new session per request."""

from typing import Callable, List, TypeVar

from sqlalchemy import URL, String, create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from apps.options import Database
from apps.table import CONNECT_TIMEOUT_S, HASHES, NAME_LENGTH, TABLE, Row

Done = TypeVar("Done")


class Base(DeclarativeBase):
    """What SQLAlchemy wants its tables to stand on."""


class Student(Base):
    """A row."""

    __tablename__ = TABLE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))


class Students:
    """The table. Each method raises SQLAlchemy's errors where the database does not do it."""

    def __init__(self, database: Database) -> None:
        """Connect to nothing yet."""
        url = URL.create("mysql+pymysql", database.user, database.password, database.host, database.port, database.name)
        # The engine's own pool of connections, at its defaults: 5 kept, 10 more in need.
        self._engine = create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})

    def list(self) -> List[Row]:
        """Return id and name of all, by id."""

        def ask(session: Session) -> List[Row]:
            students = session.scalars(select(Student).order_by(Student.id))
            return [(student.id, student.name) for student in students]

        return self._in_session(ask)

    def insert(self, name: str) -> None:
        """Add one more."""

        def add(session: Session) -> None:
            session.add(Student(name=name))
            session.flush()

        self._in_session(add, commit=True)

    def hash(self, khashes: float) -> None:
        """Have the database compute so many thousand hashes."""
        self._in_session(lambda session: session.execute(text(HASHES.format(":n")), {"n": round(khashes * 1000)}))

    def _in_session(self, do: Callable[[Session], Done], commit: bool = False) -> Done:
        """Do it in a new session, once more where it met a connection that the database had closed while it was kept.

        Such a connection is not noticed before it is used; then all kept ones go. Nothing is committed by ``do``, so
        nothing is done twice.
        """
        with Session(self._engine) as session:
            try:
                done = do(session)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                session.rollback()
                done = do(session)
            if commit:
                session.commit()
            return done
