"""What `make audit` asks of the code's surroundings: dependencies, and what is committed. No service imports it.

It reads files and the metadata of installed packages. It must not change any, and must say what it could not audit.
"""
