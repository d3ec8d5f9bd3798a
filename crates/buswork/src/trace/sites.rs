//! The places that publish, as they were told of before: each is named once.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use super::names::Site;
use crate::hash::KeyState;

/// The sites of one bus, by the address of what the compiler keeps of each.
#[derive(Default)]
pub(crate) struct Sites {
    known: Mutex<HashMap<usize, Site, KeyState>>,
}

impl Sites {
    pub(crate) fn of(&self, place: &'static Location<'static>) -> Site {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let address = std::ptr::from_ref(place) as usize;
        let site = known
            .entry(address)
            .or_insert_with(|| Site::new("", place.file(), place.line()));
        site.clone()
    }
}
