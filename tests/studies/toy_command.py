"""The command line with the toy study in the place of the book's, as a process that tests may kill."""

from toy_study import STUDY

from rnncourse.cli import main
from rnncourse.studies import study

if __name__ == "__main__":
    study.studies = lambda: {"toy": STUDY}
    main()
