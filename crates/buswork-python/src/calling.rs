//! Calls into Python, one crossing each, and the little of the interpreter's inside that they need.
#![expect(unsafe_code, reason = "PyO3 offers no vectorcall on an argument slice")]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// The head of a bound method, as `cpython/classobject.h` has it; both fields never change.
#[repr(C)]
struct BoundMethod {
    head: ffi::PyObject,
    function: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
}

unsafe extern "C" {
    #[link_name = "PyMethod_Type"]
    static mut BOUND_METHOD_TYPE: ffi::PyTypeObject;
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
}

/// How a call ended, for a walk that has nothing to do with most results.
pub(crate) enum Called<'py> {
    /// It returned `None`.
    Nothing,
    Result(Bound<'py, PyAny>),
    /// It raised, and the exception is still where the interpreter has it.
    Raised,
}

/// Calls `callable(event)` by vectorcall. A bound method is taken apart, which saves a call.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a tenth of a publish otherwise")]
pub(crate) fn call<'py>(callable: &Bound<'py, PyAny>, event: &Bound<'py, PyAny>) -> Called<'py> {
    let py = callable.py();
    let callee = callable.as_ptr();
    // SAFETY: both objects are alive for the whole call, held by their `Bound`s, and a bound
    // method holds its parts. The arguments begin behind the first place, which the flag lends to
    // the callee. The result is a new reference, or null with an exception set.
    let result = unsafe {
        let result = if ffi::Py_TYPE(callee) == &raw mut BOUND_METHOD_TYPE {
            let method = callee.cast::<BoundMethod>();
            let mut arguments = [std::ptr::null_mut(), (*method).object, event.as_ptr()];
            vectorcall((*method).function, &mut arguments)
        } else {
            vectorcall(callee, &mut [std::ptr::null_mut(), event.as_ptr()])
        };
        Bound::from_owned_ptr_or_opt(py, result)
    };
    match result {
        None => Called::Raised,
        Some(result) if result.is_none() => Called::Nothing,
        Some(result) => Called::Result(result),
    }
}

/// [`call`] for those who want the result, or the exception.
pub(crate) fn call_for_result<'py>(
    callable: &Bound<'py, PyAny>,
    event: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    match call(callable, event) {
        Called::Nothing => Ok(py.None().into_bound(py)),
        Called::Result(result) => Ok(result),
        Called::Raised => Err(PyErr::fetch(py)),
    }
}

/// Calls a function that takes nothing.
#[inline]
pub(crate) fn call_without_arguments<'py>(
    callable: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the callable is alive, and there are no arguments; the result is a new reference, or
    // null with an exception set.
    unsafe {
        let result = vectorcall(callable.as_ptr(), &mut [std::ptr::null_mut()]);
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// [`ffi::vectorcallfunc`], as one that may unwind: see [`Parked`].
type Vectorcall = unsafe extern "C-unwind" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    usize,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

unsafe extern "C-unwind" {
    #[link_name = "PyObject_Vectorcall"]
    fn vectorcall_by_the_book(
        callee: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    #[link_name = "PyObject_Call"]
    fn call_by_the_book(
        callee: *mut ffi::PyObject,
        arguments: *mut ffi::PyObject,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    #[link_name = "PyObject_VectorcallMethod"]
    fn call_method_by_the_book(
        name: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: usize,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
    #[link_name = "PyImport_Import"]
    fn import_by_the_book(name: *mut ffi::PyObject) -> *mut ffi::PyObject;
    #[link_name = "PyIter_Send"]
    fn send_by_the_book(
        coroutine: *mut ffi::PyObject,
        value: *mut ffi::PyObject,
        result: *mut *mut ffi::PyObject,
    ) -> ffi::PySendResult;
}

/// Parks the thread when it is ended inside of a call.
///
/// Up to Python 3.13, a thread that asks for the interpreter when that has ended is made to exit:
/// a daemon thread in a handler, at the end of the program. The exit unwinds the stack, through
/// destructors of ours that need the interpreter. From 3.14 on, Python parks the thread itself.
struct Parked;

impl Drop for Parked {
    #[cold]
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// Calls by the callee's own entry, where it has one, without the detour by way of
/// `PyObject_Vectorcall`, which looks up the thread and checks the callee's manners.
///
/// # Safety
/// The callee and all arguments but the first, which is room for the callee, must be alive.
#[inline]
unsafe fn vectorcall<const N: usize>(
    callee: *mut ffi::PyObject,
    arguments: &mut [*mut ffi::PyObject; N],
) -> *mut ffi::PyObject {
    let count = (N - 1) | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    let parked = Parked;
    // SAFETY: as the caller promises; and an object whose type has the flag holds its entry, or
    // null, at the type's offset.
    let result = unsafe {
        let class = ffi::Py_TYPE(callee);
        let arguments = arguments.as_mut_ptr().add(1);
        let entry = if ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HAVE_VECTORCALL) != 0 {
            let place = callee.byte_offset((*class).tp_vectorcall_offset);
            *place.cast::<Option<Vectorcall>>()
        } else {
            None
        };
        let entry = entry.unwrap_or(vectorcall_by_the_book);
        entry(callee, arguments, count, std::ptr::null_mut())
    };
    std::mem::forget(parked);
    result
}

/// Calls into Python, of which a thread may be ended in the middle: see [`Parked`]. Those of `pyo3` would
/// abort the program then.
pub(crate) trait Invoke<'py> {
    fn invoke0(&self) -> PyResult<Bound<'py, PyAny>>;

    fn invoke1<A>(&self, arguments: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        PyErr: From<A::Error>;

    fn invoke_with(
        &self,
        arguments: &Bound<'py, PyTuple>,
        names: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>>;

    fn invoke_method0(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>>;

    fn invoke_method1<A>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: A,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        PyErr: From<A::Error>;
}

/// How many arguments a method is invoked with at most.
const MOST: usize = 7;

impl<'py, T> Invoke<'py> for Bound<'py, T> {
    fn invoke0(&self) -> PyResult<Bound<'py, PyAny>> {
        call_without_arguments(self.as_any())
    }

    fn invoke1<A>(&self, arguments: A) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        PyErr: From<A::Error>,
    {
        let arguments = arguments.into_pyobject(self.py())?;
        guarded(self.py(), || {
            // SAFETY: both are alive; the result is a new reference, or null with an exception set.
            unsafe { call_by_the_book(self.as_ptr(), arguments.as_ptr(), std::ptr::null_mut()) }
        })
    }

    fn invoke_with(
        &self,
        arguments: &Bound<'py, PyTuple>,
        names: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guarded(self.py(), || {
            // SAFETY: all are alive; the result is as above.
            unsafe { call_by_the_book(self.as_ptr(), arguments.as_ptr(), names.as_ptr()) }
        })
    }

    fn invoke_method0(&self, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
        let arguments = [self.as_ptr()];
        guarded(self.py(), || {
            // SAFETY: the object and the name are alive; the result is as above.
            unsafe {
                let arguments = arguments.as_ptr();
                call_method_by_the_book(name.as_ptr(), arguments, 1, std::ptr::null_mut())
            }
        })
    }

    fn invoke_method1<A>(
        &self,
        name: &Bound<'py, PyString>,
        arguments: A,
    ) -> PyResult<Bound<'py, PyAny>>
    where
        A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>>,
        PyErr: From<A::Error>,
    {
        let given = arguments.into_pyobject(self.py())?;
        let mut arguments = [std::ptr::null_mut(); 1 + MOST];
        arguments[0] = self.as_ptr();
        for (place, argument) in arguments[1..].iter_mut().zip(given.iter_borrowed()) {
            *place = argument.as_ptr();
        }
        let count = 1 + given.len().min(MOST);
        guarded(self.py(), || {
            // SAFETY: the object and the name are alive, and the tuple holds the arguments; the
            // result is as above.
            unsafe {
                let arguments = arguments.as_ptr();
                call_method_by_the_book(name.as_ptr(), arguments, count, std::ptr::null_mut())
            }
        })
    }
}

/// Imports a module, which runs Python code.
pub(crate) fn import<'py>(name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    guarded(name.py(), || {
        // SAFETY: the name is alive; the result is a new reference, or null with an exception set.
        unsafe { import_by_the_book(name.as_ptr()) }
    })
}

/// Makes a call that returns a new reference, or null with an exception set.
#[inline]
fn guarded(
    py: Python<'_>,
    call: impl FnOnce() -> *mut ffi::PyObject,
) -> PyResult<Bound<'_, PyAny>> {
    let parked = Parked;
    let result = call();
    std::mem::forget(parked);
    // SAFETY: as the caller says.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// How a step of a coroutine ended.
pub(crate) enum Sent<'py> {
    /// It waits for what it yielded.
    Yielded(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
    Raised(PyErr),
}

/// Sends a value to a coroutine, which runs up to where it waits, or ends.
pub(crate) fn send<'py>(coroutine: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Sent<'py> {
    let py = coroutine.py();
    let mut result = std::ptr::null_mut();
    let parked = Parked;
    // SAFETY: both objects are alive, and there is room for the result, which is a new reference,
    // or null with an exception set.
    let (ended, result) = unsafe {
        let ended = send_by_the_book(coroutine.as_ptr(), value.as_ptr(), &raw mut result);
        (ended, Bound::from_owned_ptr_or_opt(py, result))
    };
    std::mem::forget(parked);
    match (ended, result) {
        (ffi::PySendResult::PYGEN_NEXT, Some(yielded)) => Sent::Yielded(yielded),
        (ffi::PySendResult::PYGEN_RETURN, Some(result)) => Sent::Returned(result),
        _ => Sent::Raised(PyErr::fetch(py)),
    }
}

/// The method that `function` is of `object`. Runs no code of the user's.
pub(crate) fn bound_method<'py>(
    function: &Bound<'py, PyAny>,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live objects; the result is a new reference, or null with an exception set.
    unsafe {
        let method = PyMethod_New(function.as_ptr(), object.as_ptr());
        Bound::from_owned_ptr_or_err(function.py(), method)
    }
}

/// A nested publish, counted by the interpreter among the native calls within each other. It knows
/// how many the stack can take, if each takes as little as its own.
pub(crate) struct Level(());

/// A publish takes about as much of the stack as so many native calls of the interpreter's own.
/// Python 3.11 has one limit for these and for calls of Python functions, which is far lower.
const LEVELS: usize = if cfg!(Py_3_12) { 4 } else { 1 };

impl Level {
    /// Fails with a `RecursionError` when there are too many.
    pub(crate) fn enter(py: Python<'_>) -> PyResult<Self> {
        for entered in 0..LEVELS {
            // SAFETY: the thread is attached, and the text ends in a zero.
            if unsafe { ffi::Py_EnterRecursiveCall(c" in a nested publish".as_ptr()) } != 0 {
                leave(entered);
                return Err(PyErr::fetch(py));
            }
        }
        Ok(Self(()))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        leave(LEVELS);
    }
}

fn leave(levels: usize) {
    for _ in 0..levels {
        // SAFETY: one for each that was entered, on the same attached thread.
        unsafe { ffi::Py_LeaveRecursiveCall() };
    }
}
