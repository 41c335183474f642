"""Measurements: metrics and fidelity on held-out images, unused capacity, and statistics of the training data.

May import ``training`` and everything below it.
"""
