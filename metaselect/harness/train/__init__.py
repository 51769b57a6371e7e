"""Training: encoders, heads, the loop, and what it leaves."""
