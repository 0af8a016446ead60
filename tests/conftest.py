"""Settings that hold for every test."""

import os

from hypothesis import settings

# A search that draws anew each time belongs on a desk. In continuous integration the same commit draws the same cases.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
