"""The WSGI callable. It serves the static files too, and makes the tables of a new database."""

import os

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notebook.settings")

application = StaticFilesHandler(get_wsgi_application())

if "notes_note" not in connection.introspection.table_names():
    call_command("migrate", interactive=False, verbosity=0)
connection.close()
