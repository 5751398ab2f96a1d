"""A shelf of books in SQLite, through SQLAlchemy's ORM."""

import json

from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

engine = create_engine("sqlite:////data/books.sqlite3")


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


Base.metadata.create_all(engine)


def add(session, book):
    author = session.scalar(select(Author).where(Author.name == book["author"])) or Author(name=book["author"])
    author.books.append(Book(title=book["title"]))
    session.add(author)
    session.commit()
    return {"author": author.name, "books": len(author.books)}


def shelf(session):
    rows = session.execute(
        select(Author.name, func.count(Book.id)).join(Author.books).group_by(Author.name).order_by(Author.name)
    )
    return {name: count for name, count in rows}


def application(environ, start_response):
    with Session(engine) as session:
        if environ["REQUEST_METHOD"] == "POST":
            length = int(environ["CONTENT_LENGTH"])
            result = add(session, json.loads(environ["wsgi.input"].read(length)))
        else:
            result = shelf(session)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(result).encode()]
