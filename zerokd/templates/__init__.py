"""`zerokd new`: the template of each kind, and the code that fills it.

Imports files/, plugin/ and the errors alone; a template imports zerokd's public names alone.
"""
