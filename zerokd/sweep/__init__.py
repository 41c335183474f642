"""Sweeps: one recipe at many points of its keys, as an Optuna study that several workers share.

May import everything up to pages; only the command line imports it.
"""
