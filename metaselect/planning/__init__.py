"""Which transfer runs to make next: posterior over gains, acquisition functions, costs."""
