"""`scaleproof check`: somebody's own variant, isolated, checked, reported, and held against its stored baseline."""
