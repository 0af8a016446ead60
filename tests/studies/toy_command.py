"""The command line with the toy study in its registry, as a process that tests may kill."""

from rnncourse.__main__ import main
from rnncourse.studies import registry

if __name__ == "__main__":
    registry.MODULES["toy"] = "toy_study"
    main()
