"""A trained student: loaded from its file, exported to other formats, evaluated, and used to enhance photos and videos.

It may import everything below it, the exporters, the recipe and the training among them; the command line imports it.
"""
