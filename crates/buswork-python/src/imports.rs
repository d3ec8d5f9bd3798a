//! The Python objects that the glue uses, each looked up once.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple, PyType};

use crate::calling::{self, Invoke};

macro_rules! imported {
    ($load:ident; $($(#[$doc:meta])* $name:ident: $module:literal, $attribute:literal;)*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
                static CELL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                CELL.get_or_try_init(py, || {
                    let module = calling::import(&PyString::new(py, $module))?;
                    Ok(module.getattr($attribute)?.unbind())
                })
                .map(|object| object.bind(py))
            }
        )*

        /// Looks them all up, before the first bus is made that needs them. Later would be too late:
        /// an import runs foreign code and the garbage collector, which may free such a bus.
        pub(crate) fn $load(py: Python<'_>) -> PyResult<()> {
            $($name(py)?;)*
            Ok(())
        }
    };
}

imported! {
    load_for_async;
    /// What goes on with a publish of the async bus that is not done at once.
    round: "buswork._rounds", "Round";
    cancelled: "buswork._rounds", "cancelled";
    awaited: "buswork._rounds", "awaited";
    /// The context variable of the causal chain.
    chain: "buswork._rounds", "CHAIN";
    get_running_loop: "asyncio", "get_running_loop";
    running_loop_or_none: "asyncio", "_get_running_loop";
    task: "asyncio", "Task";
    current_task: "asyncio", "current_task";
    all_tasks: "asyncio", "all_tasks";
    cancelled_error: "asyncio", "CancelledError";
    /// As `objection`, for a bus that awaits.
    objection_anywhere: "buswork._signatures", "objection_anywhere";
}

imported! {
    load_for_posts;
    start_worker: "buswork._background", "start";
    longest_wait: "threading", "TIMEOUT_MAX";
    allocate_lock: "_thread", "allocate_lock";
    queue_full: "buswork._errors", "QueueFull";
}

imported! {
    load_for_policies;
    in_turn: "buswork._policies", "in_turn";
    again: "buswork._policies", "again";
    first: "buswork._policies", "first";
    not_called: "buswork._policies", "NotCalled";
    /// The context variable of the deliveries in progress that may have to be waited for.
    held: "buswork._policies", "HELD";
}

imported! {
    load_for_timeouts;
    watch: "buswork._timeouts", "watch";
}

imported! {
    load_for_layers;
    check_layer: "buswork._middleware", "check";
    through: "buswork._middleware", "through";
    pass: "buswork._middleware", "pass_in_background";
    pass_async: "buswork._middleware", "pass_on_loop";
    layered: "buswork._middleware", "Layered";
}

imported! {
    load_for_wiring;
    wiring: "buswork._wiring", "describe";
}

imported! {
    load_for_tracing;
    /// The context variable of the delivery that runs.
    cause: "buswork._tracing", "CAUSE";
    prepare_tracing: "buswork._tracing", "prepare";
}

imported! {
    load;
    /// Says where an instruction stands.
    place: "buswork._place", "place";
    group: "buswork._errors", "group";
    breaker_open: "buswork._errors", "BreakerOpen";
    limit_full: "buswork._errors", "LimitFull";
    handler_timeout: "buswork._errors", "HandlerTimeout";
    monotonic: "time", "monotonic";
    recursion_error: "buswork._errors", "PublishRecursionError";
    unhandled_event: "buswork._errors", "UnhandledEvent";
    /// Says what is wrong with a handler that is not a plain function, or `None`.
    objection: "buswork._signatures", "objection";
    include: "buswork._handlers", "include";

    /// Makes the function that calls ten handlers, from their cells.
    ten: "buswork._ten", "ten";
    ten_file: "buswork._ten", "FILE";
    /// What stands in the place of a handler that must not be called.
    nothing: "buswork._ten", "nothing";
    logger: "buswork._log", "logger";
    weak_reference: "_weakref", "ref";
    cache_token: "abc", "get_cache_token";
    union_type: "types", "UnionType";
    typing_union: "typing", "Union";
    typing_any: "typing", "Any";
    warn: "warnings", "warn";
    modules: "sys", "modules";
    partial_type: "functools", "partial";
    function_type: "types", "FunctionType";
    method_type: "types", "MethodType";
    builtin_type: "types", "BuiltinFunctionType";
    base_exception: "builtins", "BaseException";
    subclass_check: "buswork._virtual", "PLAIN_CHECK";
    /// Whether a class may have virtual subclasses.
    is_open: "buswork._virtual", "is_open";
}

/// The context variable of the causal chain, if there ever was an async bus.
pub(crate) fn known_chain(py: Python<'_>) -> Option<&Bound<'_, PyAny>> {
    HAS_ASYNC.load(Ordering::Relaxed).then(|| chain(py).ok())?
}

/// The context variable of the deliveries in progress, if an async bus ever had a policy.
pub(crate) fn known_held(py: Python<'_>) -> Option<&Bound<'_, PyAny>> {
    HAS_POLICIES
        .load(Ordering::Relaxed)
        .then(|| held(py).ok())?
}

/// Whether an async bus ever had a policy.
static HAS_POLICIES: AtomicBool = AtomicBool::new(false);

/// [`load_for_policies`], and notes it.
pub(crate) fn prepare_for_policies(py: Python<'_>) -> PyResult<()> {
    load_for_policies(py)?;
    HAS_POLICIES.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether there ever was an async bus.
static HAS_ASYNC: AtomicBool = AtomicBool::new(false);

/// [`load_for_async`], and notes it.
pub(crate) fn prepare_for_async(py: Python<'_>) -> PyResult<()> {
    load_for_async(py)?;
    HAS_ASYNC.store(true, Ordering::Relaxed);
    Ok(())
}

/// The event loop that runs on this thread, for an async bus.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let running = calling::call_without_arguments(running_loop_or_none(py)?)?;
    Ok((!running.is_none()).then_some(running))
}

/// Whether an event loop runs on this thread. None does where nobody has imported asyncio.
pub(crate) fn is_on_loop(py: Python<'_>) -> PyResult<bool> {
    let modules = modules(py)?;
    let name = pyo3::intern!(py, "asyncio.events");
    if !modules.contains(name)? {
        return Ok(false);
    }
    let running = modules
        .get_item(name)?
        .invoke_method0(pyo3::intern!(py, "_get_running_loop"))?;
    Ok(!running.is_none())
}

/// A lock of the interpreter's that is held, to be waited for by acquiring it.
pub(crate) fn held_lock(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let lock = allocate_lock(py)?.invoke0()?;
    lock.invoke_method0(pyo3::intern!(py, "acquire"))?;
    Ok(lock)
}

/// `qualname` of a class, for messages; never fails, whatever the metaclass does.
pub(crate) fn class_name(class: &Bound<'_, PyType>) -> String {
    class.qualname().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The names of several classes and patterns of topics, as `A | B`.
pub(crate) fn type_names(types: &Bound<'_, PyTuple>) -> String {
    let names: Vec<String> = types
        .iter()
        .map(|one| match one.cast::<PyType>() {
            Ok(class) => class_name(class),
            Err(_) => format!("{one:?}"),
        })
        .collect();
    names.join(" | ")
}
