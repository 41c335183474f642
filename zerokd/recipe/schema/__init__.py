"""The tables of a recipe as validated records, their errors in the words of the recipe, and their JSON Schema.

Imports plugin/ and the toml room beside it; knows no built component.
"""
