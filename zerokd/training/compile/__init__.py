"""Faster forms of a training step: TorchInductor code and CUDA graphs, each verified against the eager step.

May import ``objective``, ``proof`` and the rest of ``training``, but not the loop.
"""
