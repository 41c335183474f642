"""Self-contained HTML pages: the report of a run, the comparison of two runs, and the demo in the browser.

May import everything up to describe; only sweep and the command line import it.
"""
