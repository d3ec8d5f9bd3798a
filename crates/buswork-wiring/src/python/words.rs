//! Lists of names as one text: files have thousands of them, and most are never looked at.

use serde::{Deserialize, Serialize};

/// Names in order, none of them empty or with a line break in it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Words(String);

impl Words {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split('\n').filter(|word| !word.is_empty())
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<T: IntoIterator<Item = &'a str>>(words: T) -> Self {
        let mut text = String::new();
        for word in words {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(word);
        }
        Self(text)
    }
}
