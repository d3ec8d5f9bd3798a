//! The places that publish, as traces tell of them: each is worked out once.
#![expect(unsafe_code, reason = "frames have no safe binding")]

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use buswork::hash::KeyState;
use buswork::trace::Site;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyModule, PyString};

use crate::imports;
use crate::place::Place;

/// How many places are kept. Code that comes and goes must not fill the memory.
const MOST: usize = 10_000;

/// The places of one bus, by code and instruction.
#[derive(Default)]
pub(crate) struct Sites {
    known: Mutex<Places>,
}

type Places = HashMap<(usize, i32), Known, KeyState>;

struct Known {
    /// Held, so that no other code comes to stand at its address.
    #[expect(dead_code, reason = "it is held")]
    code: Py<PyCode>,
    /// None within a function of ten: whoever published is behind it.
    site: Option<Site>,
}

impl Sites {
    /// Where the running Python code is; `None` when none runs on this thread.
    pub(crate) fn here(&self, py: Python<'_>) -> Option<Site> {
        // SAFETY: the thread is attached; the frame is borrowed, and an owned reference is taken.
        let mut frame = unsafe {
            let frame: *mut ffi::PyObject = ffi::PyEval_GetFrame().cast();
            Bound::from_borrowed_ptr_or_opt(py, frame)
        }?;
        loop {
            // SAFETY: it is a frame; its code is a new reference.
            let (code, instruction) = unsafe {
                let frame = frame.as_ptr().cast();
                let code = ffi::PyFrame_GetCode(frame).cast::<ffi::PyObject>();
                (
                    Bound::from_owned_ptr(py, code),
                    ffi::PyFrame_GetLasti(frame),
                )
            };
            let code = code.cast_into::<PyCode>().ok()?;
            let module = || module_of_frame(&frame);
            if let Some(site) = self.find(&code, instruction, module) {
                return Some(site);
            }
            frame = frame.getattr(pyo3::intern!(py, "f_back")).ok()?;
            if frame.is_none() {
                return None;
            }
        }
    }

    /// A place that was kept.
    pub(crate) fn of(&self, py: Python<'_>, place: &Place) -> Option<Site> {
        self.find(place.code(py), place.instruction(), || {
            module_of_file(place.code(py))
        })
    }

    fn find(
        &self,
        code: &Bound<'_, PyCode>,
        instruction: i32,
        module: impl FnOnce() -> Option<String>,
    ) -> Option<Site> {
        let key = (code.as_ptr() as usize, instruction);
        if let Some(known) = self.known().get(&key) {
            return known.site.clone();
        }
        let site = describe(code, instruction, module);
        let known = Known {
            code: code.clone().unbind(),
            site: site.clone(),
        };
        let mut places = self.known();
        let old = if places.len() < MOST {
            Places::default()
        } else {
            std::mem::take(&mut *places)
        };
        let other = places.insert(key, known);
        drop(places);
        drop((old, other));
        site
    }

    fn known(&self) -> MutexGuard<'_, Places> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(
    code: &Bound<'_, PyCode>,
    instruction: i32,
    module: impl FnOnce() -> Option<String>,
) -> Option<Site> {
    let py = code.py();
    let file = code.getattr(pyo3::intern!(py, "co_filename")).ok()?;
    if file.eq(imports::ten_file(py).ok()?).ok()? {
        return None;
    }
    // SAFETY: it is a code object.
    let line = unsafe { ffi::PyCode_Addr2Line(code.as_ptr().cast(), instruction) };
    let name = code.getattr(pyo3::intern!(py, "co_qualname")).ok()?;
    let name = text(&name)?;
    // The code of a module is called so; no function can be.
    let name = if name == "<module>" { "" } else { &name };
    let module = module().unwrap_or_else(|| "__main__".to_owned());
    let line = u32::try_from(line).unwrap_or(0);
    Some(Site::new(format!("{module}:{name}"), text(&file)?, line))
}

fn module_of_frame(frame: &Bound<'_, PyAny>) -> Option<String> {
    let py = frame.py();
    let globals = frame.getattr(pyo3::intern!(py, "f_globals")).ok()?;
    text(&globals.get_item(pyo3::intern!(py, "__name__")).ok()?)
}

/// The module that was loaded from the file that the code is in. Code that is in none, of a notebook
/// or a prompt, is taken for the program's own.
fn module_of_file(code: &Bound<'_, PyCode>) -> Option<String> {
    let py = code.py();
    let file = code.getattr(pyo3::intern!(py, "co_filename")).ok()?;
    let modules = imports::modules(py).ok()?;
    let modules = modules.call_method0(pyo3::intern!(py, "copy")).ok()?;
    let modules = modules.cast::<pyo3::types::PyDict>().ok()?;
    for (name, module) in modules.iter() {
        let Ok(module) = module.cast::<PyModule>() else {
            continue;
        };
        let known = module.dict().get_item(pyo3::intern!(py, "__file__"));
        if let Ok(Some(known)) = known
            && known.is_instance_of::<PyString>()
            && known.eq(&file).unwrap_or(false)
        {
            return text(&name);
        }
    }
    None
}

fn text(object: &Bound<'_, PyAny>) -> Option<String> {
    let text = object.cast::<PyString>().ok()?;
    Some(text.to_string_lossy().into_owned())
}
