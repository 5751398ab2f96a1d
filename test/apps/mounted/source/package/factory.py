"""An app made by a factory, from a package in a folder that the manifest names."""

import json
import os
import sys

import colours


class make:
    @staticmethod
    def app():
        made_in = os.getcwd()

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/json")])
            names = ["SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"]
            page = {name: environ[name].encode("latin-1").decode() for name in names}
            page |= {"made_in": made_in, "colour": colours.COLOUR, "empty": os.environ["EMPTY"], "path": sys.path[:2]}
            return [json.dumps(page).encode()]

        return application
