"""Settings that hold for every test: which cases a drawn test draws.

A commit draws the same cases everywhere. ``RNNCOURSE_FUZZ=1 pytest -m hypothesis`` draws fresh ones, and more.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

FUZZ = os.environ.get("RNNCOURSE_FUZZ") == "1"
FUZZ_FACTOR = 20  # times as many cases as a test asks for

# Neither a slow machine nor a busy one fails a test.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("same", patient, derandomize=True)
settings.register_profile("fuzz", patient, derandomize=False)
settings.load_profile("fuzz" if FUZZ else "same")

# Hypothesis mixes in constants that it finds in the modules loaded by then: what is drawn would depend on what ran
# before, and on where the package lies.
providers._get_local_constants = providers.Constants


# Files with few tests that take long begin first, or one of them would run alone at the end.
LONG = ("test_site.py", "test_lab.py", "test_site_widgets.py", "test_experiments.py", "test_wheel.py")
LONG += ("test_answer_sheets.py", "test_killed.py")


@pytest.hookimpl(trylast=True)  # after Hypothesis has marked its tests, and nbval's cells stand in their order
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then the notebooks; when fuzzing, each drawn test draws more cases, and has the time."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG) + (item.path.suffix != ".ipynb")))
    if not FUZZ:
        return
    drawn = {item.obj for item in items if item.get_closest_marker("hypothesis")}
    for test in drawn:
        own = test._hypothesis_internal_use_settings
        test._hypothesis_internal_use_settings = settings(own, max_examples=FUZZ_FACTOR * own.max_examples)
    for item in items:
        item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads that share matrices this small mostly wait for each other."""
    import torch  # here: most tests need none of it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many mutations were tried, also when the tests ran on several workers."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "mutations":
                terminalreporter.write_line(f"mutations, all caught: {value}")
