"""How the product is run: the development stack, images, compose files and manifests. No service imports from here."""
