"""``python -m rnncourse``."""

from rnncourse.cli import main

if __name__ == "__main__":
    main()
