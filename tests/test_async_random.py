"""Random async programs: every delivery ends, in its publish, which says what became of it."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.async_programs import LOOPS, Program, programs, run_on

#: The soak run asks for more.
EXAMPLES = int(os.environ.get("BUSWORK_EXAMPLES", "300"))

many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("make_loop", LOOPS)
def test_every_delivery_ends_in_its_publish_which_says_what_became_of_it(make_loop: Any) -> None:
    @many
    @given(programs())
    def check(program: dict[str, Any]) -> None:
        run_on(make_loop, lambda: Program(program).main())

    known = logging.getLogger("buswork").disabled
    logging.getLogger("buswork").disabled = True
    try:
        check()
    finally:
        logging.getLogger("buswork").disabled = known
