"""The development stack: an embedded AWS, an embedded identity provider and the three services on one machine.

For development and tests only: people sign in without a password and every server listens on the loopback interface.
Nothing here is part of an image, and no service imports from here.
"""
