"""Hypothesis strategies for scenarios: random programs of everything that a scenario can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

HANDLERS = ("one", "two", "three", "four")
LABELS = ("s1", "s2", "s3", "s4", "s5", "c1", "c5", "c8", "c20")
EXACT: dict[str, Any] = {"A": {}, "B": {}}
CLASSES: dict[str, Any] = {
    "Base": {},
    "Left": {"bases": ["Base"]},
    "Right": {"bases": ["Base"]},
    "Both": {"bases": ["Left", "Right"]},
    "Abstract": {"abstract": True},
    "Virtual": {"registered_with": ["Abstract"]},
    "Child": {"bases": ["Virtual"]},
    "Concrete": {"bases": ["Abstract", "Base"]},
}

_Steps = st.SearchStrategy[dict[str, Any]]
_crowd_handler = st.sampled_from([*HANDLERS, "quiet", "quiet", "quiet"])
_on_error = st.sampled_from(["raise", "log", "stop", "call"])
_policy = st.sampled_from(["ignore", "warn", "raise"])


def _step(verb: str, /, **parts: Any) -> _Steps:
    return st.fixed_dictionaries({"do": st.just(verb), **parts})


def _subscribe(types: st.SearchStrategy[str], *, only_rust: bool) -> _Steps:
    options: dict[str, Any] = {
        "priority": st.integers(-1, 2),
        "once": st.just(True),
        "when": st.sampled_from(["yes", "no", "fail"]),
        "on_error": _on_error,
    }
    if not only_rust:
        options["exact"] = st.just(True)
    some = st.lists(types, min_size=1, max_size=1 if only_rust else 3, unique=True)
    required = {
        "do": st.just("subscribe"),
        "as": st.sampled_from(LABELS),
        "to": some,
        "handler": st.sampled_from(HANDLERS),
    }
    return st.fixed_dictionaries(required, optional=options)


def _steps(types: st.SearchStrategy[str], *, only_rust: bool) -> tuple[_Steps, _Steps]:
    """Return the steps that change or use a bus, and those that only look."""
    label = st.sampled_from(LABELS)
    catch = st.fixed_dictionaries(
        {"do": st.just("publish"), "event": types}, optional={"catch": st.just(True)}
    )
    acting = [
        _subscribe(types, only_rust=only_rust),
        catch,
        catch,
        _step("fail", **{"with": st.just("bang")}),
        _step("deliver", event=types),
        _step("cancel", subscription=label),
        _step("pause", subscription=label),
        _step("resume", subscription=label),
        _step("fail", **{"with": st.sampled_from(["boom", "bang"])}),
        _step("clear"),
    ]
    looking = [
        _step("active", subscription=label),
        _step("handlers", type=types),
        _step("set_unhandled", type=types, policy=_policy),
    ]
    if not only_rust:
        some = st.lists(types, min_size=1, max_size=2, unique=True)
        looking.append(_step("unsubscribe", **{"from": some, "handler": st.sampled_from(HANDLERS)}))
    return st.one_of(acting), st.one_of(looking)


@st.composite
def _crowd(draw: st.DrawFn, types: st.SearchStrategy[str]) -> list[dict[str, Any]]:
    """Draw no crowd, or so many subscriptions to one type that it pays to call them together."""
    size = draw(st.sampled_from([0, 0, 0, 9, 23]))
    kind = draw(types)
    return [
        {"do": "subscribe", "as": f"c{each}", "to": [kind], "handler": draw(_crowd_handler)}
        for each in range(size)
    ]


@st.composite
def scenarios(draw: st.DrawFn, *, exact: bool, only_rust: bool = False) -> dict[str, Any]:
    """Draw a scenario without its trace; with `only_rust` one that the Rust bus can run."""
    described = EXACT if exact else CLASSES
    types = st.sampled_from(list(described))
    acting, looking = _steps(types, only_rust=only_rust)
    bodies = st.lists(acting, max_size=3)
    opening = draw(st.lists(_subscribe(types, only_rust=only_rust), min_size=1, max_size=5))
    opening += draw(_crowd(types))
    rest = draw(st.lists(st.one_of(acting, looking), max_size=6))
    rest += [{"do": "publish", "event": name} for name in described]
    settings = st.fixed_dictionaries(
        {},
        optional={"on_error": _on_error, "unhandled": _policy, "max_depth": st.integers(1, 4)},
    )
    return {
        "routing": "exact" if exact else "classes",
        "rust": only_rust,
        "bus": draw(settings),
        "types": described,
        "handlers": {"quiet": []} | {name: draw(bodies) for name in HANDLERS},
        "program": opening + rest,
    }
