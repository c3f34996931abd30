"""Measurements, not tests: figures beside their floor, from one run on one machine. `make bench` prints them."""
