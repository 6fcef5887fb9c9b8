"""Loop nests: what `linalg` ops on memrefs become."""
