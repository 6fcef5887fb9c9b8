"""What `fuse-sweeps` knows of loops: what they touch, what they only add to, what may change places."""
