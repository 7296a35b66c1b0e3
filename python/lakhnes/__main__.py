"""``python -m lakhnes``: the command line."""

from lakhnes.cli import main

if __name__ == "__main__":
    main()
