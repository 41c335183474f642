"""A run: planned and proven, executed stage by stage into a run folder, resumed, and shared by processes.

May import training, measure, recipe and everything below them; describe, pages, sweep and the command line import it.
"""
