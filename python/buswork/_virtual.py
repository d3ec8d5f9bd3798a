"""Which classes may have virtual subclasses: the MRO does not tell who those are.

An ABC is asked `issubclass` for each event class, once, when somebody may have become its virtual
subclass: by `register`, or by a `__subclasshook__`, of the ABC itself or of a subclass. Most ABCs
have nothing of the kind; they are bases like others, and asking all of them would take time and
memory for each pair of classes.
"""

from __future__ import annotations

import abc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: What a class has when it leaves the question who its subclasses are to the MRO.
PLAIN_CHECK = type.__subclasscheck__
_ABC_CHECK = abc.ABCMeta.__subclasscheck__
_get_dump: Callable[[type], tuple[set[object], ...]] = abc._get_dump  # type: ignore[attr-defined] # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportUnknownVariableType] # noqa: SLF001


def is_open(cls: type) -> bool:
    """Say whether a class may have virtual subclasses now. Changes with `abc.get_cache_token()`."""
    seen: set[type] = set()
    waiting = [cls]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        check = type(one).__subclasscheck__
        if check is PLAIN_CHECK:
            continue
        if check is not _ABC_CHECK or _has_hook(one) or _has_registered(one):
            return True
        waiting += type.__subclasses__(one)
    return False


def _has_hook(cls: type) -> bool:
    return any("__subclasshook__" in vars(base) for base in cls.__mro__ if base is not object)


def _has_registered(cls: type) -> bool:
    registry: set[object] = _get_dump(cls)[0]
    return len(registry) > 0
