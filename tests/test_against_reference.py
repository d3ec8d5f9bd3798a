"""Random programs do the same on the bus as on the reference."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, assume, given, settings

from buswork import EventBus
from tests.random_scenarios import scenarios
from tests.reference_bus import ReferenceBus
from tests.scenario import TooLongError, run

#: The soak run asks for more.
EXAMPLES = int(os.environ.get("BUSWORK_EXAMPLES", "300"))

many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def expected_trace(scenario: dict[str, Any]) -> list[list[Any]]:
    try:
        return run(scenario, ReferenceBus)
    except TooLongError:
        assume(False)
        raise


@many
@given(scenarios(exact=True))
def test_programs_over_unrelated_types_do_what_the_reference_does(
    scenario: dict[str, Any],
) -> None:
    expected = expected_trace(scenario)
    assert run(scenario, EventBus) == expected


@many
@given(scenarios(exact=False))
def test_programs_over_a_class_hierarchy_do_what_the_reference_does(
    scenario: dict[str, Any],
) -> None:
    expected = expected_trace(scenario)
    assert run(scenario, EventBus) == expected
