//! What a path means where it stands.

use super::items::{Item, Program, TypeKind, UsePath};
use super::types::Index;

/// What is looked for: the same word may name a type and a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Modules, types, traits.
    Types,
    /// Functions, statics, and types that are made like a function call.
    Values,
}

/// What the crate `buswork` shows, for those who write `use buswork::*`.
const OF_BUS: [&str; 18] = [
    "AsyncEventBus",
    "AsyncHandler",
    "AsyncMiddleware",
    "AsyncNext",
    "BoxError",
    "Delivery",
    "Error",
    "EventBus",
    "EventRef",
    "Handler",
    "Middleware",
    "Next",
    "Observer",
    "SharedEvent",
    "Subscription",
    "SubscriptionBuilder",
    "SubscriptionGuard",
    "testing",
];

/// Names that are being looked up, so that two globs that show each other end.
type Trail = Vec<(Index, String)>;

impl Program<'_> {
    /// What a path means in `module`, and how many of its segments that took: the rest are
    /// functions of a type.
    pub(super) fn find(
        &self,
        module: Index,
        is_absolute: bool,
        segments: &[String],
        space: Space,
    ) -> Option<(Item, usize)> {
        self.walk(module, is_absolute, segments, space, &mut Vec::new())
    }

    fn walk(
        &self,
        module: Index,
        is_absolute: bool,
        segments: &[String],
        space: Space,
        trail: &mut Trail,
    ) -> Option<(Item, usize)> {
        let wanted = |place: usize| {
            if place + 1 == segments.len() {
                space
            } else {
                Space::Types
            }
        };
        let first = segments.first()?;
        let mut item = match first.as_str() {
            "crate" | "$crate" => Item::Module(self.crates[self.modules[module].owner].root),
            "self" => Item::Module(self.real(module)),
            "super" => Item::Module(
                self.modules[self.real(module)]
                    .parent
                    .map(|up| self.real(up))?,
            ),
            _ if is_absolute => self.other_crate(module, first),
            _ => self.around(module, first, wanted(0), segments.len() > 1, trail)?,
        };
        for (place, segment) in segments.iter().enumerate().skip(1) {
            item = match &item {
                Item::Module(inner) if segment == "super" => {
                    Item::Module(self.modules[*inner].parent?)
                }
                Item::Module(inner) => self.member(*inner, segment, wanted(place), trail)?,
                Item::Ext(path) => Item::Ext(format!("{path}::{segment}")),
                Item::Type(index) if self.has_variant(*index, segment) => {
                    Item::Variant(*index, segment.clone())
                }
                _ => return Some((item, place)),
            };
        }
        Some((item, segments.len()))
    }

    /// The module of a block, or the module itself.
    fn real(&self, module: Index) -> Index {
        match &self.modules[module] {
            block if block.is_block => block.parent.map_or(module, |around| self.real(around)),
            _ => module,
        }
    }

    fn around(
        &self,
        module: Index,
        name: &str,
        space: Space,
        goes_on: bool,
        trail: &mut Trail,
    ) -> Option<Item> {
        let mut place = Some(module);
        while let Some(index) = place {
            if let Some(item) = self.member(index, name, space, trail) {
                return Some(item);
            }
            place = self.modules[index]
                .parent
                .filter(|_| self.modules[index].is_block);
        }
        if goes_on {
            return Some(self.other_crate(module, name));
        }
        (space == Space::Types).then(|| Item::Ext(name.to_owned()))
    }

    /// A crate by its name, of those that are read or another.
    fn other_crate(&self, module: Index, name: &str) -> Item {
        let owner = &self.crates[self.modules[module].owner];
        let name = owner.renamed.get(name).map_or(name, String::as_str);
        let found = self
            .crates
            .iter()
            .find(|other| other.is_library && other.name == name);
        found.map_or_else(
            || Item::Ext(name.to_owned()),
            |other| Item::Module(other.root),
        )
    }

    /// What a module shows under a name: its own, what it uses, what its globs show.
    fn member(&self, module: Index, name: &str, space: Space, trail: &mut Trail) -> Option<Item> {
        let key = (module, name.to_owned());
        if trail.len() > 64 || trail.contains(&key) {
            return None;
        }
        trail.push(key);
        let found = self
            .declared(module, name, space)
            .or_else(|| self.used(module, name, space, trail));
        trail.pop();
        found
    }

    fn declared(&self, module: Index, name: &str, space: Space) -> Option<Item> {
        let items = self.modules[module].names.get(name)?;
        items.iter().find(|item| self.is_in(item, space)).cloned()
    }

    fn used(&self, module: Index, name: &str, space: Space, trail: &mut Trail) -> Option<Item> {
        let around = &self.modules[module];
        for path in around.uses.get(name).into_iter().flatten() {
            if let Some(item) = self.whole(module, path, space, trail)
                && self.is_in(&item, space)
            {
                return Some(item);
            }
        }
        around.globs.iter().find_map(|glob| {
            match self.whole(module, glob, Space::Types, trail)? {
                Item::Module(shown) => self.member(shown, name, space, trail),
                Item::Type(index) if self.has_variant(index, name) => {
                    Some(Item::Variant(index, name.to_owned()))
                }
                Item::Ext(path) if path == "buswork" && OF_BUS.contains(&name) => {
                    Some(Item::Ext(format!("buswork::{name}")))
                }
                _ => None,
            }
        })
    }

    fn whole(
        &self,
        module: Index,
        path: &UsePath,
        space: Space,
        trail: &mut Trail,
    ) -> Option<Item> {
        if path.segments.is_empty() {
            return None;
        }
        let (item, taken) = self.walk(module, path.is_absolute, &path.segments, space, trail)?;
        (taken == path.segments.len()).then_some(item)
    }

    fn is_in(&self, item: &Item, space: Space) -> bool {
        match item {
            Item::Module(_) => space == Space::Types,
            Item::Function(_) | Item::Static(_) => space == Space::Values,
            Item::Variant(..) | Item::Ext(_) => true,
            Item::Type(index) => match self.types[*index].kind {
                TypeKind::Struct(fields) => {
                    space == Space::Types || !matches!(fields, syn::Fields::Named(_))
                }
                _ => space == Space::Types,
            },
        }
    }

    fn has_variant(&self, index: Index, name: &str) -> bool {
        match self.types[index].kind {
            TypeKind::Enum(item) => item.variants.iter().any(|variant| variant.ident == name),
            _ => false,
        }
    }
}
