"""The contract in Flask, synchronous."""

import time

import redis
from flask import Flask, Response, jsonify

from apps.counter import counted_wsgi
from apps.options import Options, Value
from apps.work import burn, count_bits


def create(options: Options) -> Flask:
    """Return the WSGI app: GET /index answers without I/O, GET /user with what Redis holds, GET /work after work."""
    app = Flask("apps")
    app.debug = options.debug
    app.wsgi_app = counted_wsgi(app.wsgi_app, options.runtime_dir)

    def new_client() -> redis.StrictRedis:
        return redis.StrictRedis(
            host=options.redis_host, port=options.redis_port, password=options.redis_password, decode_responses=True
        )

    kept = new_client()  # connects when it is first used

    def answer(value: Value) -> Response:
        if options.response == "json":
            return jsonify({value.key: value.value})
        return Response(value.value, mimetype="text/html")

    @app.get("/index")
    def index() -> Response:
        return answer(options.none)

    @app.get("/user")
    def user() -> Response:
        # As in the article, a new client is not closed by hand: its connection goes when Python drops the object.
        client = kept if options.client == "pool" else new_client()
        value = client.get(options.redis.key)
        if value is None:
            raise LookupError(f"Redis has no key '{options.redis.key}'")
        return answer(Value(options.redis.key, str(value)))

    @app.get("/work")
    def work() -> Response:
        burn(options.work.cpu_ms)
        time.sleep(options.work.wait_ms / 1000)
        if options.work.redis_mib:
            count_bits(kept if options.client == "pool" else new_client(), options.work.redis_mib)
        return answer(options.work_answer)

    return app
