"""The steps of the schema, each of which stays as it was released."""
