//! Money, to the cent.

use std::fmt;
use std::ops::AddAssign;

/// An amount of dollars in whole cents: a float would lose some on the way to a sum.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dollars {
    /// What is parsed fits 64 bits, so that no sum of amounts overflows 128.
    cents: u128,
}

impl Dollars {
    /// Reads `12`, `12.5` and `12.50`; `None` for a sign, an exponent, or parts of a cent.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let cents = format!("{whole}{fraction:0<2}");
        if whole.is_empty()
            || fraction.len() > 2
            || !cents.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let cents: u64 = cents.parse().ok()?;
        Some(Self {
            cents: cents.into(),
        })
    }
}

impl AddAssign for Dollars {
    fn add_assign(&mut self, other: Self) {
        self.cents += other.cents;
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.cents / 100, self.cents % 100)
    }
}
