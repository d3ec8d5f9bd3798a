//! Colours, by what a piece of text is.

use std::borrow::Cow;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing in particular.
    Plain,
    /// The name of an event.
    Event,
    /// A heading.
    Heading,
    /// What leads the eye: lines of a tree, places, remarks.
    Faint,
    /// Something less than certain.
    Doubt,
    /// Something that was seen to be so.
    Seen,
    /// Something wrong.
    Wrong,
}

impl Role {
    /// The parameters of the escape sequence that selects the colour.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Event => "1;36",
            Self::Heading => "1",
            Self::Faint => "2",
            Self::Doubt => "33",
            Self::Seen => "32",
            Self::Wrong => "1;31",
        }
    }
}

/// The text in its colour, or as it is.
pub(super) fn painted(text: &str, role: Role, colour: bool) -> Cow<'_, str> {
    if !colour || role == Role::Plain || text.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("\x1b[{}m{text}\x1b[0m", role.code()))
}
