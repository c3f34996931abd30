"""Randomized interleavings of what users, operators and AWS do, checked at every step.

`machine` says what may happen and hypothesis chooses; `world` is one interleaving with all checks, `wiring` the product
in it, `aws` the other side that knows whose keys are whose, `people` the books that checks go by, `runs` many of them.
"""
