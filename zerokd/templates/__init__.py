"""`zerokd new`: the template of each kind, and the code that fills it.

Imports files/, plugin/, recipe/toml/ and the errors alone; a template imports zerokd's public names alone.
"""
