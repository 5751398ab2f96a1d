"""Changes to modules of the standard library and others; see wasgi._sandbox.

Each module has a function adapt, which is given the module that was just imported.
"""
