"""Files and folders of this machine: atomic writes, weights, downloads, digests, the cache folder, the processor.

Imports errors alone, and PyTorch for weights.
"""
