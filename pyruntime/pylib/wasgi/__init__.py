"""wasgi: what an app may ask of the server that runs it.

Nothing yet: what a request has to tell is in its environ.
"""
