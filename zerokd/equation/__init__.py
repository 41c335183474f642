"""The language of the objective line: parsed, checked in exact fractions, evaluated to one coefficient per group.

Imports nothing else of zerokd.
"""
