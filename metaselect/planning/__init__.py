"""Which transfer runs to make next: beliefs about gains, the worth of a run, its cost."""
