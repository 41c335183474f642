"""Plugins: the kinds of components, their contracts and records, discovery, and isolation of their errors.

May import files/, equation/ and the errors; nothing of a built-in component.
"""
