"""``python -m sadam``: the laboratory's command line."""

from sadam.lab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
