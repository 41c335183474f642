"""Builds validated tables into components, bound terms and stages, and collects every error on the way.

Imports the schema and toml rooms beside it, objective/, plugin/, equation/ and files/.
"""
