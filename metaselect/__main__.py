"""`python -m metaselect`: the same command, where its script is not on the path."""

from metaselect.cli import main

if __name__ == "__main__":
    main()
