"""What all tests share: the same random programs each time, but in a soak."""

from __future__ import annotations

import os

from hypothesis import settings

# Runs pytest within pytest, for the tests of the plugin.
pytest_plugins = ["pytester"]

IS_SOAK = bool(os.environ.get("BUSWORK_SOAK"))

if os.environ.get("BUSWORK_TRACED"):
    from tests import traced_buses

    traced_buses.install()

# A soak prints how to run a failing example again (`print_blob`).
settings.register_profile("tests", derandomize=not IS_SOAK, print_blob=True, deadline=None)
settings.load_profile("tests")
