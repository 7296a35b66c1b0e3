"""The command line: the ``lakhnes`` script, and ``python -m lakhnes``."""

import sys


def main() -> None:
    """Run the command line; the entry point of the ``lakhnes`` script."""
    try:
        from lakhnes.cli import main as run
    except KeyboardInterrupt:  # before there is anything that could say so
        if "--json" in sys.argv:
            print('{"error": "interrupted"}')
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
