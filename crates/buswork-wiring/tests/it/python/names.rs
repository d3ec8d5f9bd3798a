//! Names: imports, and what a name means where it is used.

use super::{assert_lines, edges};

const EVENTS: &str = "
class OrderPlaced: ...
class MailSent: ...
";

/// What a module publishes that has a bus, beside `shop/events.py` and these files.
fn published(others: &[(&str, &str)], code: &str) -> String {
    let orders = format!("from buswork import EventBus\nbus = EventBus()\n{code}");
    let mut files = vec![
        ("shop/__init__.py", ""),
        ("shop/events.py", EVENTS),
        ("shop/orders.py", &orders),
    ];
    files.extend(others);
    edges(&files)
}

const PUBLISHED: &[&str] = &["publish shop.events.OrderPlaced by shop.orders:take certain"];

#[test]
fn imports_are_followed_in_all_their_forms() {
    let cases = [
        ("from shop.events import OrderPlaced", "OrderPlaced"),
        ("from shop.events import OrderPlaced as Placed", "Placed"),
        ("from shop import events", "events.OrderPlaced"),
        ("from shop import events as facts", "facts.OrderPlaced"),
        ("import shop.events", "shop.events.OrderPlaced"),
        ("import shop.events as facts", "facts.OrderPlaced"),
        ("from shop.events import *", "OrderPlaced"),
        ("from .events import OrderPlaced", "OrderPlaced"),
        ("from . import events", "events.OrderPlaced"),
        ("from ..shop.events import OrderPlaced", "OrderPlaced"),
    ];
    for (import, name) in cases {
        let found = published(
            &[],
            &format!("{import}\n\ndef take():\n    bus.publish({name}())\n"),
        );
        assert_eq!(found, PUBLISHED[0], "{import}");
    }
}

#[test]
fn an_import_within_a_function_counts_there_only() {
    let code = "
from shop.events import MailSent as Event

def take():
    from shop.events import OrderPlaced as Event
    bus.publish(Event())

def send():
    bus.publish(Event())
";
    assert_lines(
        &published(&[], code),
        &[
            "publish shop.events.MailSent by shop.orders:send certain",
            "publish shop.events.OrderPlaced by shop.orders:take certain",
        ],
    );
}

#[test]
fn imports_for_type_checkers_count() {
    let code = "
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.events import OrderPlaced

def take(order: 'OrderPlaced'):
    bus.publish(order)
";
    assert_lines(
        &published(&[], code),
        &["publish shop.events.OrderPlaced by shop.orders:take inferred"],
    );
}

#[test]
fn an_import_that_may_fail_is_followed_to_what_is_there() {
    let code = "
try:
    from shop.events import OrderPlaced
except ImportError:
    from compatible.events import OrderPlaced

def take():
    bus.publish(OrderPlaced())
";
    let found = published(&[], code);
    assert!(
        found.contains("publish shop.events.OrderPlaced by shop.orders:take"),
        "{found}"
    );
}

#[test]
fn a_package_hands_names_on() {
    let code = "
from shop.api import Placed

def take():
    bus.publish(Placed())
";
    let others = [
        (
            "shop/api/__init__.py",
            "from .names import OrderPlaced as Placed",
        ),
        ("shop/api/names.py", "from ..events import *"),
    ];
    assert_lines(&published(&others, code), PUBLISHED);
}

#[test]
fn a_star_hands_on_what_all_names() {
    let code = "
from shop.api import *

class MailSent: ...

def take():
    bus.publish(OrderPlaced())
    bus.publish(MailSent())
";
    let others = [(
        "shop/api.py",
        "from shop.events import MailSent, OrderPlaced\n__all__ = ['OrderPlaced']\n",
    )];
    assert_lines(
        &published(&others, code),
        &[
            "publish shop.events.OrderPlaced by shop.orders:take certain",
            "publish shop.orders.MailSent by shop.orders:take certain",
        ],
    );
}

#[test]
fn names_beyond_all_stay_behind_a_star() {
    let code = "
from shop.events import OrderPlaced as Event
from shop.api import *

def take():
    bus.publish(Event())
";
    let others = [(
        "shop/api.py",
        "from shop.events import MailSent as Event\n__all__ = ['Other']\nOther = 1\n",
    )];
    assert_lines(&published(&others, code), PUBLISHED);
}

#[test]
fn a_name_means_what_it_was_bound_to_last_above() {
    let code = "
from shop.events import MailSent, OrderPlaced

Event = OrderPlaced
bus.publish(Event())
Event = MailSent
bus.publish(Event())
";
    assert_lines(
        &published(&[], code),
        &[
            "publish shop.events.MailSent by shop.orders: certain",
            "publish shop.events.OrderPlaced by shop.orders: certain",
        ],
    );
}

#[test]
fn a_decorator_names_what_is_bound_above_it() {
    let code = "
from shop.events import OrderPlaced as charge

@bus.on(charge)
def charge(event): ...
";
    assert_lines(
        &published(&[], code),
        &["handle shop.events.OrderPlaced by shop.orders:charge certain"],
    );
}

#[test]
fn an_alias_of_a_class_is_the_class() {
    let code = "
from shop import events

Placed = events.OrderPlaced

def take():
    bus.publish(Placed())
";
    assert_lines(&published(&[], code), PUBLISHED);
}

#[test]
fn modules_that_import_each_other_are_read() {
    let code = "
from shop.left import OrderPlaced, Neither

def take():
    bus.publish(OrderPlaced())
    bus.publish(Neither())
";
    let others = [
        (
            "shop/left.py",
            "from shop.right import Neither, OrderPlaced\n",
        ),
        (
            "shop/right.py",
            "from shop.events import OrderPlaced\nfrom shop.left import Neither\n",
        ),
    ];
    assert_lines(
        &published(&others, code),
        &[
            PUBLISHED[0],
            "unresolved publish at shop/orders.py:8: what `Neither()` is could not be told",
        ],
    );
}

#[test]
fn stars_of_modules_that_import_each_other_are_read() {
    let code = "
from shop.left import *

def take():
    bus.publish(OrderPlaced())
    bus.publish(Neither())
";
    let others = [
        ("shop/left.py", "from shop.right import *\n"),
        (
            "shop/right.py",
            "from shop.events import *\nfrom shop.left import *\n",
        ),
    ];
    let found = published(&others, code);
    assert!(found.starts_with(PUBLISHED[0]), "{found}");
}

#[test]
fn a_class_within_a_class_has_its_whole_name() {
    let code = "
class Order:
    class Placed: ...

def take():
    bus.publish(Order.Placed())
";
    assert_lines(
        &published(&[], code),
        &["publish shop.orders.Order.Placed by shop.orders:take certain"],
    );
}
