"""The same code at every level, measured side by side: what `da.compare` and `dialectad compare` do."""
