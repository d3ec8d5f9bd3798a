//! Names of what a record is about. Each is made once, with the JSON that it is written as, and
//! shared by all records: a record is put together of pieces.

use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::json;

/// An event's type, `module.qualname`; in Rust the name of the type.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventName(Named<String>);

impl EventName {
    /// The name of a type of events.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let mut written = Vec::new();
        json::string(&mut written, &id);
        Self(Named::new(id, written))
    }

    /// The name itself.
    pub fn id(&self) -> &str {
        self.0.value()
    }

    pub(super) fn json(&self) -> &[u8] {
        self.0.json()
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

/// Where an event was published: the function, `module:qualname` (`module:` for the module itself,
/// empty where that is not known), the file and the line.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Site(Named<(String, String, u32)>);

impl Site {
    /// A place that publishes.
    pub fn new(function: impl Into<String>, file: impl Into<String>, line: u32) -> Self {
        let (function, file) = (function.into(), file.into());
        let mut written = b"{\"function\":".to_vec();
        json::string(&mut written, &function);
        written.extend_from_slice(b",\"file\":");
        json::string(&mut written, &file);
        written.extend_from_slice(b",\"line\":");
        json::number(&mut written, line.into());
        written.push(b'}');
        Self(Named::new((function, file, line), written))
    }

    /// The function.
    pub fn function(&self) -> &str {
        &self.0.value().0
    }

    /// The file.
    pub fn file(&self) -> &str {
        &self.0.value().1
    }

    /// The line.
    pub fn line(&self) -> u32 {
        self.0.value().2
    }

    pub(super) fn json(&self) -> &[u8] {
        self.0.json()
    }
}

impl fmt::Display for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.function() {
            "" => write!(formatter, "{}:{}", self.file(), self.line()),
            function => write!(formatter, "{function} ({}:{})", self.file(), self.line()),
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// A handler, as it was subscribed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HandlerName(Named<Subscribed>);

#[derive(PartialEq, Eq, Hash)]
struct Subscribed {
    id: String,
    name: String,
    place: Option<(String, u32)>,
    types: Vec<String>,
    /// The id alone, as JSON.
    id_json: Vec<u8>,
}

impl HandlerName {
    /// The name of a handler.
    ///
    /// `id` is the function, `module:qualname`; `name` is what the subscription is called; `place` is
    /// where the handler stands, if that is known; `types` are the names of what it is subscribed to.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        place: Option<(String, u32)>,
        types: Vec<String>,
    ) -> Self {
        let (id, name) = (id.into(), name.into());
        let mut id_json = Vec::new();
        json::string(&mut id_json, &id);
        let mut written = b"\"handler\":".to_vec();
        written.extend_from_slice(&id_json);
        written.extend_from_slice(b",\"name\":");
        json::string(&mut written, &name);
        written.extend_from_slice(b",\"subscribed\":[");
        for (index, one) in types.iter().enumerate() {
            if index > 0 {
                written.push(b',');
            }
            json::string(&mut written, one);
        }
        written.push(b']');
        if let Some((file, line)) = &place {
            written.extend_from_slice(b",\"file\":");
            json::string(&mut written, file);
            written.extend_from_slice(b",\"line\":");
            json::number(&mut written, (*line).into());
        }
        let value = Subscribed {
            id,
            name,
            place,
            types,
            id_json,
        };
        Self(Named::new(value, written))
    }

    /// The function, `module:qualname`.
    pub fn id(&self) -> &str {
        &self.0.value().id
    }

    /// What the subscription is called.
    pub fn name(&self) -> &str {
        &self.0.value().name
    }

    /// The file in which the handler stands, if that is known.
    pub fn file(&self) -> Option<&str> {
        self.0.value().place.as_ref().map(|(file, _)| file.as_str())
    }

    /// The line where it begins.
    pub fn line(&self) -> Option<u32> {
        self.0.value().place.as_ref().map(|(_, line)| *line)
    }

    /// What it is subscribed to.
    pub fn types(&self) -> &[String] {
        &self.0.value().types
    }

    pub(super) fn id_json(&self) -> &[u8] {
        &self.0.value().id_json
    }

    /// Its members of an object.
    pub(super) fn json(&self) -> &[u8] {
        self.0.json()
    }
}

impl fmt::Debug for HandlerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

/// A value that is shared. It is compared by address first, and hashed once: it is what edges are
/// counted by, at each record.
struct Named<T>(Arc<Inner<T>>);

struct Inner<T> {
    hash: u64,
    value: T,
    json: Box<[u8]>,
}

impl<T: Hash> Named<T> {
    fn new(value: T, json: Vec<u8>) -> Self {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&value);
        let json = json.into();
        Self(Arc::new(Inner { hash, value, json }))
    }

    fn value(&self) -> &T {
        &self.0.value
    }

    fn json(&self) -> &[u8] {
        &self.0.json
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: PartialEq> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.hash == other.0.hash && self.0.value == other.0.value)
    }
}

impl<T: Eq> Eq for Named<T> {}

impl<T> Hash for Named<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}
