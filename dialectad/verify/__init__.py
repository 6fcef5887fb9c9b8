"""Rules for valid IR beyond xDSL's own, used through `dialectad.verifier`."""
