"""Randomized interleavings of what users, operators and AWS do, checked at every step.

`machine` says what may happen and hypothesis chooses; `world` is one interleaving with all checks, `wiring` the product
in it, `aws` the other side that knows whose keys are whose, `books` what the test knows and judges by, `runs` many.
"""
