"""Recipe text: TOML with the place of every key and value, `extends`, and values written back as TOML.

Imports errors alone: nothing here knows what a key means.
"""
