"""The contract in Flask, synchronous."""

import time

import redis
from flask import Flask, Response, abort, jsonify, request
from redis.retry import Retry

from apps.counter import counted_wsgi
from apps.options import Options, Value
from apps.redis_client import arguments, kept
from apps.table import BAD_STUDENT, as_json, as_text, name_in, students
from apps.work import burn, count_bits


class Contract:
    """What each route does."""

    def __init__(self, options: Options) -> None:
        """Connect to nothing yet."""
        self._options, self._answers = options, options.answers
        self._arguments = arguments(options, Retry)
        self._kept = redis.StrictRedis(**kept(options, Retry))
        self._students = students(options, "apps.students")

    def _redis(self) -> redis.StrictRedis:
        # As in the article, a new client is not closed by hand: its connection goes when Python drops the object.
        return self._kept if self._options.client == "pool" else redis.StrictRedis(**self._arguments)

    def _answer(self, value: Value) -> Response:
        if self._options.response == "json":
            return jsonify({value.key: value.value})
        return Response(value.value, mimetype="text/html")

    def index(self) -> Response:
        """Answer at once."""
        return self._answer(self._answers.none)

    def user(self) -> Response:
        """Answer with what Redis holds."""
        key = self._answers.redis.key
        value = self._redis().get(key)
        if value is None:
            raise LookupError(f"Redis has no key '{key}'")
        return self._answer(Value(key, str(value)))

    def file(self) -> Response:
        """Answer with what the file holds."""
        with open(str(self._options.file)) as opened:  # noqa: PTH123 - as in the article
            return self._answer(Value(self._answers.file.key, opened.read()))

    def users(self) -> Response:
        """Answer with the whole table."""
        rows = self._students().list()
        if self._options.response == "json":
            return jsonify({self._answers.students.key: as_json(rows)})
        return Response(as_text(rows), mimetype="text/html")

    def insert(self) -> Response:
        """Add the name that was sent to the table."""
        name = name_in(request.get_json(silent=True))
        if not name:
            abort(400, BAD_STUDENT)
        self._students().insert(name)
        return self._answer(self._answers.inserted)

    def work(self) -> Response:
        """Answer after the work that is wanted."""
        work = self._options.work
        burn(work.cpu_ms)
        time.sleep(work.wait_ms / 1000)
        if work.redis_mib:
            count_bits(self._redis(), work.redis_mib)
        if work.db_khashes:
            self._students().hash(work.db_khashes)
        return self._answer(self._answers.work)


def create(options: Options) -> Flask:
    """Return the WSGI app."""
    app, contract = Flask("apps"), Contract(options)
    app.debug = options.debug
    app.wsgi_app = counted_wsgi(app.wsgi_app, options.runtime_dir, options.busy_us)
    app.get("/index")(contract.index)
    app.get("/user")(contract.user)
    app.post("/user")(contract.insert)
    app.get("/file")(contract.file)
    app.get("/users")(contract.users)
    app.get("/work")(contract.work)
    return app
