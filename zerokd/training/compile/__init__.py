"""Faster forms of a training step: TorchInductor code and CUDA graphs, each verified against the eager step.

May import the frozen cache, ``recipe`` and everything below; the loop and its state import it.
"""
