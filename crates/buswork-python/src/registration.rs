//! What a handler may be, what a wrong one is told, what it is called, and where it stands.

use buswork::entry::Identity;
use buswork::policy::{Policy, Retry};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::awaitable::CO_ITERABLE_COROUTINE;
use crate::calling::Invoke;
use crate::imports;

const CO_VARARGS: u32 = 0x04;
const CO_GENERATOR: u32 = 0x20;
const CO_COROUTINE: u32 = 0x80;
const CO_ASYNC_GENERATOR: u32 = 0x200;

/// Refuses what cannot handle an event: what cannot be called, or not with one argument, and what
/// would have to be awaited or iterated.
pub(crate) fn check_handler(handler: &Bound<'_, PyAny>, is_async: bool) -> PyResult<()> {
    if !handler.is_callable() {
        return Err(PyTypeError::new_err(not_callable(handler)));
    }
    check(handler, "handler", is_async)
}

/// Refuses a predicate that cannot be asked.
pub(crate) fn check_predicate(when: &Bound<'_, PyAny>) -> PyResult<()> {
    if when.is_callable() {
        return check_callable(when, "when");
    }
    let kind = imports::class_name(&when.get_type());
    Err(PyTypeError::new_err(format!(
        "when must be a callable that takes the event and says yes or no, got {kind}"
    )))
}

/// Refuses a callable that cannot be called with one argument, or would have to be awaited or
/// iterated. `role` says what it is to be.
pub(crate) fn check_callable(callable: &Bound<'_, PyAny>, role: &str) -> PyResult<()> {
    check(callable, role, false)
}

fn check(handler: &Bound<'_, PyAny>, role: &str, may_await: bool) -> PyResult<()> {
    let py = handler.py();
    if let Some(code) = plain_code(handler)? {
        let flags: u32 = code.getattr(pyo3::intern!(py, "co_flags"))?.extract()?;
        let refused = if may_await { 0 } else { CO_COROUTINE };
        let refused = refused | CO_GENERATOR | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR;
        if flags & refused == 0 && takes_one_argument(handler, &code, flags)? {
            return Ok(());
        }
    }
    // Everything else is asked by `inspect`, which is right about partials, decorated functions,
    // callable objects and marked coroutine functions, and slow.
    let objection = if may_await {
        imports::objection_anywhere(py)?
    } else {
        imports::objection(py)?
    };
    let objection = objection.invoke1((handler, role))?;
    if objection.is_none() {
        Ok(())
    } else {
        Err(PyTypeError::new_err(objection.unbind()))
    }
}

fn not_callable(handler: &Bound<'_, PyAny>) -> String {
    let kind = imports::class_name(&handler.get_type());
    if handler.is_none() || kind == "coroutine" {
        return format!(
            "the handler must be callable, got {kind}: was it called by mistake? Pass the function itself, without ()"
        );
    }
    format!(
        "the handler must be callable, got {kind}: pass a function, a bound method or an object with __call__"
    )
}

/// The code of a plain function or of a method bound to something, whose attributes nobody
/// overrides; `None` for every other callable, and for functions that say they are another.
fn plain_code<'py>(handler: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = handler.py();
    let Some(function) = plain_function(handler)? else {
        return Ok(None);
    };
    let attributes = function
        .getattr(pyo3::intern!(py, "__dict__"))?
        .cast_into::<PyDict>()?;
    if !attributes.is_empty() {
        return Ok(None);
    }
    function.getattr(pyo3::intern!(py, "__code__")).map(Some)
}

fn plain_function<'py>(handler: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = handler.py();
    let function = if handler.get_type().is(imports::method_type(py)?) {
        handler.getattr(pyo3::intern!(py, "__func__"))?
    } else {
        handler.clone()
    };
    Ok(function
        .get_type()
        .is(imports::function_type(py)?)
        .then_some(function))
}

fn takes_one_argument(
    handler: &Bound<'_, PyAny>,
    code: &Bound<'_, PyAny>,
    flags: u32,
) -> PyResult<bool> {
    let py = handler.py();
    let is_method = handler.get_type().is(imports::method_type(py)?);
    let given = 1 + usize::from(is_method);
    let accepted: usize = code.getattr(pyo3::intern!(py, "co_argcount"))?.extract()?;
    let keyword_only: usize = code
        .getattr(pyo3::intern!(py, "co_kwonlyargcount"))?
        .extract()?;
    if keyword_only > 0 {
        return Ok(false);
    }
    let Some(function) = plain_function(handler)? else {
        return Ok(false);
    };
    let defaults = function.getattr(pyo3::intern!(py, "__defaults__"))?;
    let optional = if defaults.is_none() {
        0
    } else {
        defaults.len()?
    };
    let fits = accepted >= given || flags & CO_VARARGS != 0;
    Ok(fits && accepted.saturating_sub(optional) <= given)
}

/// The default name of a handler, `module:qualname`.
pub(crate) fn default_name(handler: &Bound<'_, PyAny>) -> String {
    let py = handler.py();
    let text = |object: &Bound<'_, PyAny>, attribute: &Bound<'_, pyo3::types::PyString>| {
        object
            .getattr_opt(attribute)
            .ok()
            .flatten()
            .and_then(|name| name.extract::<String>().ok())
    };
    let qualname = pyo3::intern!(py, "__qualname__");
    let module = pyo3::intern!(py, "__module__");
    let class = handler.get_type();
    if imports::partial_type(py).is_ok_and(|partial| class.is(partial))
        && let Ok(function) = handler.getattr(pyo3::intern!(py, "func"))
    {
        return default_name(&function);
    }
    let (owner, name) = match text(handler, qualname) {
        Some(name) => (handler, name),
        None => (class.as_any(), imports::class_name(&class)),
    };
    match text(owner, module) {
        Some(module) => format!("{module}:{name}"),
        None => name,
    }
}

/// Where a handler's code begins, as `file:line`; `None` for what is not written in Python.
pub(crate) fn location(handler: &Bound<'_, PyAny>) -> Option<String> {
    let py = handler.py();
    let called = || {
        handler
            .get_type()
            .getattr(pyo3::intern!(py, "__call__"))
            .ok()
    };
    let code = code_of(&innermost(handler)).or_else(|| code_of(&called()?))?;
    let file: String = code
        .getattr(pyo3::intern!(py, "co_filename"))
        .ok()?
        .extract()
        .ok()?;
    let line: usize = code
        .getattr(pyo3::intern!(py, "co_firstlineno"))
        .ok()?
        .extract()
        .ok()?;
    Some(format!("{file}:{line}"))
}

/// What a partial calls, and what a decorated function was: it stands where its author wrote it,
/// and not where the decorator is.
fn innermost<'py>(handler: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    /// A chain of wrappers may be a circle.
    const MOST: usize = 100;
    let py = handler.py();
    let partial = imports::partial_type(py).ok();
    let mut inner = handler.clone();
    for _ in 0..MOST {
        let is_partial = partial.is_some_and(|partial| inner.get_type().is(partial));
        let attribute = if is_partial {
            pyo3::intern!(py, "func")
        } else {
            pyo3::intern!(py, "__wrapped__")
        };
        match inner.getattr_opt(attribute) {
            Ok(Some(next)) => inner = next,
            Ok(None) | Err(_) => break,
        }
    }
    inner
}

fn code_of<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let function = plain_function(object).ok().flatten()?;
    function
        .getattr(pyo3::intern!(object.py(), "__code__"))
        .ok()
}

/// Whether two callables are the same handler. Compares identities, never by a foreign `__eq__`: a
/// bound method is made anew at each access, so it is compared by its parts.
pub(crate) fn is_same(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = one.py();
    if one.is(other) {
        return Ok(true);
    }
    let class = one.get_type();
    if !class.is(other.get_type()) {
        return Ok(false);
    }
    if class.is(imports::method_type(py)?) {
        let part = |method: &Bound<'_, PyAny>, name| method.getattr(name).map(Bound::unbind);
        let (function, object) = (pyo3::intern!(py, "__func__"), pyo3::intern!(py, "__self__"));
        return Ok(part(one, function)?.is(&part(other, function)?)
            && part(one, object)?.is(&part(other, object)?));
    }
    if class.is(imports::builtin_type(py)?) {
        // Compared by CPython itself, by object and function.
        return one.eq(other);
    }
    Ok(false)
}

/// What handlers are told apart by, before [`is_same`] is asked: the same handler has the same.
pub(crate) fn identity(handler: &Bound<'_, PyAny>) -> PyResult<Identity> {
    let py = handler.py();
    let class = handler.get_type();
    let address = |object: &Bound<'_, PyAny>| object.as_ptr() as usize;
    if class.is(imports::method_type(py)?) {
        let function = handler.getattr(pyo3::intern!(py, "__func__"))?;
        let object = handler.getattr(pyo3::intern!(py, "__self__"))?;
        return Ok((address(&function), address(&object)));
    }
    if class.is(imports::builtin_type(py)?) {
        // A built-in method is made anew at each access, of the same object and name.
        let name = handler.getattr(pyo3::intern!(py, "__name__"))?;
        let object = handler.getattr(pyo3::intern!(py, "__self__"))?;
        return Ok((name.hash()?.cast_unsigned(), address(&object)));
    }
    Ok((address(handler), 0))
}

/// Refuses a policy that asks of a handler what cannot be kept.
pub(crate) fn check_policy(
    handler: &Bound<'_, PyAny>,
    policy: &Policy,
    is_async: bool,
    is_background: bool,
) -> PyResult<()> {
    let is_awaited = is_async && may_be_awaited(handler)?;
    let is_on_worker = !is_async && is_background;
    if policy.timeout_of_attempt().is_some() && !is_awaited && !is_on_worker {
        let advice = if is_async {
            "make it an `async def` handler"
        } else {
            "subscribe it with background=True, make it an `async def` handler of an AsyncEventBus"
        };
        return Err(PyValueError::new_err(format!(
            "a timeout cannot be kept for {}: Python cannot stop the thread that runs a plain function; {advice}, or let the handler itself give up in time",
            default_name(handler)
        )));
    }
    if !is_async && !is_background && policy.retries().is_some_and(Retry::waits) {
        return Err(PyValueError::new_err(format!(
            "publish would have to wait for the backoff of {}: subscribe it with background=True, or leave backoff out, and attempts follow one another at once",
            default_name(handler)
        )));
    }
    Ok(())
}

/// Whether a handler may return something to be awaited: all but plain functions may.
fn may_be_awaited(handler: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(code) = plain_code(handler)? else {
        return Ok(true);
    };
    let flags: u32 = code
        .getattr(pyo3::intern!(handler.py(), "co_flags"))?
        .extract()?;
    Ok(flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE) != 0)
}
