"""The table of transfer runs: checked, stored, exchanged, turned into gains."""
