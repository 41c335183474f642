"""The training loop: batches, micro-batch gradients, optimizer, checkpoints, and what happens at non-finite steps.

May import ``recipe`` and everything below it; knows nothing of run folders, progress bars or the command line.
"""
