//! Whether a subscription ever comes about.

use super::{edges, shop};

/// Why subscriptions never come about, a line each; nothing for those that do.
fn never(text: &str) -> Vec<String> {
    let subscribed = text.lines().filter(|line| line.starts_with("handle "));
    let reasons = subscribed.filter_map(|line| {
        let (line, reason) = line.split_once(" never: ")?;
        let handler = line.split(' ').nth(3)?;
        Some(format!("{handler}: {reason}"))
    });
    reasons.collect()
}

const PROGRAM: &str = "\nif __name__ == '__main__':\n    bus.publish(OrderPlaced())\n";

/// The same, of a program of one file.
fn never_in(code: &str) -> Vec<String> {
    never(&shop(&format!("{code}{PROGRAM}")))
}

#[test]
fn a_class_with_marks_that_is_never_built() {
    let code = "
class Billing:
    @handles(OrderPlaced)
    def charge(self, order): ...
";
    assert_eq!(
        never_in(code),
        ["shop:Billing.charge: nothing builds a `Billing`"]
    );
}

#[test]
fn a_class_that_subscribes_and_is_never_built() {
    let code = "
class Billing:
    def __init__(self):
        bus.subscribe(OrderPlaced, self.charge)

    def charge(self, order): ...

def maybe(billing: Billing) -> Billing:
    return billing
";
    assert_eq!(
        never_in(code),
        ["shop:Billing.charge: nothing builds a `Billing`"]
    );
}

#[test]
fn a_class_that_is_built_comes_about() {
    let code = "
class Billing:
    @handles(OrderPlaced)
    def charge(self, order): ...

bus.include(Billing())
";
    assert_eq!(never_in(code), [""; 0]);
}

#[test]
fn a_class_in_a_list_comes_about() {
    let code = "
class Billing:
    @handles(OrderPlaced)
    def charge(self, order): ...

for service in [Billing]:
    bus.include(service())
";
    assert_eq!(never_in(code), [""; 0]);
}

#[test]
fn a_class_whose_subclass_is_built_comes_about() {
    let code = "
class Base:
    def __init__(self):
        bus.subscribe(OrderPlaced, self.charge)

    def charge(self, order): ...

class Billing(Base): ...

Billing()
";
    assert_eq!(never_in(code), [""; 0]);
}

#[test]
fn a_class_that_may_be_found_by_its_base_comes_about() {
    let code = "
class Service: ...

class Billing(Service):
    @handles(OrderPlaced)
    def charge(self, order): ...

for service in Service.__subclasses__():
    bus.include(service())
";
    assert_eq!(never_in(code), [""; 0]);
}

const WIRES: (&str, &str) = (
    "shop/wires.py",
    "from buswork import EventBus\nbus = EventBus()\nclass OrderPlaced: ...\n",
);

const BILLING: (&str, &str) = (
    "shop/billing.py",
    "
from shop.wires import bus, OrderPlaced

@bus.on(OrderPlaced)
def charge(order): ...
",
);

/// Why subscriptions in `shop.billing` never come about, with this program.
fn never_with(main: &str) -> Vec<String> {
    never(&edges(&[
        ("shop/__init__.py", ""),
        WIRES,
        BILLING,
        ("shop/__main__.py", main),
    ]))
}

#[test]
fn a_module_that_nothing_imports() {
    let main = "from shop.wires import bus, OrderPlaced\nbus.publish(OrderPlaced())\n";
    assert_eq!(
        never_with(main),
        ["shop.billing:charge: no entry point imports the module `shop.billing`"]
    );
}

#[test]
fn a_module_that_is_imported_comes_about() {
    for main in [
        "import shop.billing\n",
        "from shop import billing\n",
        "from . import billing\n",
        "def main():\n    import shop.billing\n",
    ] {
        assert_eq!(never_with(main), [""; 0], "{main}");
    }
}

#[test]
fn a_module_that_may_be_imported_by_its_name_comes_about() {
    let main = "
import importlib

for name in open('modules.txt'):
    importlib.import_module(name)
";
    assert_eq!(never_with(main), [""; 0]);
}

#[test]
fn a_module_that_is_named_in_a_text_comes_about() {
    let main = "MODULES = ['shop.billing']\n";
    assert_eq!(never_with(main), [""; 0]);
}

#[test]
fn without_an_entry_point_nothing_is_said() {
    let text = edges(&[("shop/__init__.py", ""), WIRES, BILLING]);
    assert_eq!(never(&text), [""; 0]);
}

#[test]
fn a_mark_that_nothing_reads_never_comes_about() {
    let code = "
@handles(OrderPlaced)
def charge(order): ...
";
    assert_eq!(never_in(code).len(), 1);
}

#[test]
fn an_object_with_marks_that_is_built_and_not_included() {
    let code = "
class Billing:
    @handles(OrderPlaced)
    def charge(self, order): ...

Billing()
";
    assert_eq!(never_in(code).len(), 1);
}

#[test]
fn a_class_that_a_framework_may_build_comes_about() {
    let code = "
from django.apps import AppConfig

class ShopConfig(AppConfig):
    def ready(self):
        bus.subscribe(OrderPlaced, charge)

def charge(order): ...
";
    assert_eq!(never_in(code), [""; 0]);
}

#[test]
fn a_class_whose_base_is_told_of_its_subclasses_comes_about() {
    let code = "
class Service:
    def __init_subclass__(cls):
        services.append(cls)

class Billing(Service):
    def __init__(self):
        bus.subscribe(OrderPlaced, self.charge)

    def charge(self, order): ...

class Registered(metaclass=Registry):
    def __init__(self):
        bus.subscribe(OrderPlaced, self.pack)

    def pack(self, order): ...
";
    assert_eq!(never_in(code), [""; 0]);
}

const WORKER: &str = "
from shop.wire import bus, OrderPlaced
@bus.on(OrderPlaced)
def work(event): ...
def run(): ...
";
const WIRE: &str = "
from buswork import EventBus
class OrderPlaced: ...
bus = EventBus()
";
const MAIN: &str = "
from shop.wire import bus, OrderPlaced
bus.publish(OrderPlaced())
";

/// Why the worker never subscribes, with a file that declares programs.
fn never_declared(name: &str, text: &str) -> Vec<String> {
    let files = [
        (name, text),
        ("src/shop/__init__.py", ""),
        ("src/shop/wire.py", WIRE),
        ("src/shop/main.py", MAIN),
        ("src/shop/worker.py", WORKER),
    ];
    never(&edges(&files))
}

#[test]
fn a_script_that_the_project_declares_is_where_a_program_starts() {
    assert_eq!(
        never_declared("pyproject.toml", "[project]\nname = 'shop'"),
        ["shop.worker:work: no entry point imports the module `shop.worker`"]
    );
    for declared in [
        "[project.scripts]\nshop-worker = 'shop.worker:run'",
        "[project.gui-scripts]\nshop-worker = 'shop.worker:run'",
        "[project.entry-points.'shop.plugins']\nworker = 'shop.worker'",
        "[tool.poetry.scripts]\nshop-worker = { reference = 'shop.worker:run', type = 'console' }",
    ] {
        assert_eq!(
            never_declared("pyproject.toml", declared),
            [""; 0],
            "{declared}"
        );
    }
    let setup = "[metadata]\nname = shop\n\n[options.entry_points]\nconsole_scripts =\n    \
                 shop-worker = shop.worker:run [all]\n\n[flake8]\nmax-line-length = 99\n";
    assert_eq!(never_declared("setup.cfg", setup), [""; 0]);
}
