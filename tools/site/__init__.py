"""Generates the reference pages of the documentation: ``python -m tools.site`` writes them, ``--check`` lists stale ones.

May import all of zerokd; zerokd imports nothing of it, and the wheel does not contain it.
"""
