"""Recipes: TOML text becomes validated tables, and those become the records that objective/ trains on.

Imports plugin/, objective/, equation/ and files/; knows nothing of training/, run/ or student/.
"""
