"""The library's core: terms bound to signals, what a step computes, the objective, its gradients and their aggregation.

It imports equation, plugin and errors; it knows no recipe, no run and no loop.
"""
