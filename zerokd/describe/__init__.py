"""What zerokd says of recipes, plugins, photo folders and machines: records, and the text made of them.

It may read all that computes; only pages, sweep and the command line import it.
"""
