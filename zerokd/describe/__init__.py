"""Describe recipes, components, plugins, photo folders and machines: records, and their text for people.

May import everything up to run; only pages, sweep and the command line import it.
"""
