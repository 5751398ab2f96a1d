"""A small JSON service, in Falcon."""

import falcon


class Measurement(Exception):
    """A reading that cannot be."""


class Readings:
    def __init__(self):
        self.values = {}

    def on_get(self, req, resp, sensor):
        if sensor not in self.values:
            raise falcon.HTTPNotFound(title="unknown sensor", description=sensor)
        resp.media = {"sensor": sensor, "values": self.values[sensor]}

    def on_put(self, req, resp, sensor):
        value = req.get_media()
        if not isinstance(value, (int, float)):
            raise Measurement(sensor)
        self.values.setdefault(sensor, []).append(value)
        resp.status = falcon.HTTP_CREATED
        resp.location = req.path

    def on_delete(self, req, resp, sensor):
        self.values.pop(sensor, None)
        resp.status = falcon.HTTP_NO_CONTENT


class Search:
    def on_get(self, req, resp):
        resp.media = {"from": req.get_param_as_int("from", required=True), "word": req.get_param("word"), "host": req.host}


class Stamp:
    """Marks each response, as a middleware does."""

    def process_response(self, req, resp, resource, req_succeeded):
        resp.set_header("X-Succeeded", str(req_succeeded))


def refuse(req, resp, error, params):
    raise falcon.HTTPUnprocessableEntity(title="want a number", description=str(error))


def create():
    app = falcon.App(middleware=[Stamp()])
    app.add_error_handler(Measurement, refuse)
    app.add_route("/readings/{sensor}", Readings())
    app.add_route("/search", Search())
    return app
