import os

COLOUR = os.environ["COLOUR"]
