//! Tables of functions that are no buses, however alike they look.

use super::{assert_lines, edges};

#[test]
fn a_registry_of_factories_is_no_bus() {
    let code = "
_makers = {}

def register(name, maker):
    _makers[name] = maker

def make(name, *arguments):
    return _makers[name](*arguments)

def pdf(text): ...

register('pdf', pdf)
make('pdf', 'Hello')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_table_of_commands_of_a_shell_is_no_bus() {
    let code = "
def start(): ...
def stop(): ...

COMMANDS = {'start': start, 'stop': stop}

def main(name):
    COMMANDS[name]()

main('start')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_cache_by_type_is_no_bus() {
    let code = "
_formats = {}

def format_of(value):
    return _formats.get(type(value), str)

def show(value):
    return str(format_of(value))

_formats[int] = 'number'
show(7)
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_router_of_addresses_is_no_bus() {
    let code = "
ROUTES = {}

def route(path):
    def decorator(function):
        ROUTES[path] = function
        return function
    return decorator

@route('/')
def index(): ...

def serve(path):
    return ROUTES[path]()

serve('/')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_visitor_by_type_is_no_bus() {
    let code = "
class Visitor:
    def __init__(self):
        self.visitors = {int: self.number, str: self.text}

    def visit(self, node):
        return self.visitors[type(node)](node)

    def number(self, node): ...
    def text(self, node): ...

Visitor().visit(7)
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_table_of_converters_is_no_bus() {
    let code = "
CONVERTERS = {}

def converter(kind, function):
    CONVERTERS[kind] = function

def convert(value):
    return CONVERTERS[type(value)](value)

converter(int, str)
convert(7)
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_table_of_texts_is_no_bus() {
    let code = "
class Subscriptions:
    def __init__(self):
        self.subscribers = {}

    def add(self, subscription: str, subscriber: str):
        self.subscribers[subscription].add(subscriber)

    def get(self, subscription: str) -> set[str]:
        return self.subscribers[subscription]

def take(subscriptions: Subscriptions):
    subscriptions.add('orders', 'me')
    return subscriptions.get('orders')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_table_of_validators_is_no_bus() {
    let code = "
_validators = {}

def validator(field, function):
    _validators.setdefault(field, []).append(function)

def validate(field, value):
    return all(function(value) for function in _validators.get(field, []))

def positive(value): ...

validator('age', positive)
validate('age', 7)
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn what_is_compared_and_closed_is_not_called() {
    let code = "
class Registry:
    def __init__(self):
        self.kinds = {}
        self.connections = {}

    def add(self, event, kind):
        self.kinds.setdefault(event, []).append(kind)

    def connect(self, event, connection):
        self.connections.setdefault(event, []).append(connection)

    def fits(self, event, value):
        for kind in self.kinds[event]:
            if isinstance(value, kind):
                return True

    def close(self, event):
        for connection in self.connections[event]:
            connection.close()

registry = Registry()
registry.add('age', int)
registry.connect('age', open('ages'))
registry.fits('age', 7)
registry.close('age')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn an_attribute_that_a_method_works_out_is_no_table() {
    let code = "
class Frame:
    @property
    def handlers(self):
        return Rows(self)

    def set(self, event, handler):
        self.handlers[event].append(handler)

    def run(self, event):
        for handler in self.handlers[event]:
            handler(event)

def charge(event): ...

frame = Frame()
frame.set('age', charge)
frame.run('age')
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_table_that_stays_empty_is_the_bus_of_nobody() {
    let code = "
formula_handler = {}

def handle(formula):
    if isinstance(formula, tuple(formula_handler)):
        return formula_handler[type(formula)](formula)

handle(str())
";
    assert_lines(&edges(&[("shop.py", code)]), &[]);
}

#[test]
fn a_registry_of_what_is_built_for_a_list_is_no_bus() {
    let code = "
class Registry:
    def __init__(self):
        self._registry = {'global': {}, 'user': {}}

    def add(self, level, app, serializer):
        self._registry[level][app] = {'label': app, 'serializer': serializer}

    def serializers(self, level):
        result = []
        for app in self._registry[level]:
            data = self._registry[level][app]
            result.append({'app': app, 'serializer': data['serializer']()})
        return result

    def secrets(self, level, app):
        fields = self._registry[level].get(app, {})
        return {name for part in fields.values() for name in part.get('secret', {})}

registry = Registry()
registry.serializers('global')
registry.secrets('global', 'mail')
";
    assert_lines(&edges(&[("registry.py", code)]), &[]);
}
