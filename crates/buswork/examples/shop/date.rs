//! A date: what the shop needs of one, and the standard library has not.

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// How far each month moves the weekday, in a year that begins in March (Sakamoto's table).
const SHIFTS: [usize; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];

/// A day of the calendar that exists, from the year 1 to the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    year: usize,
    month: usize,
    day: usize,
}

impl Date {
    /// `None` if the calendar has no such day.
    pub fn new(year: usize, month: usize, day: usize) -> Option<Self> {
        let exists = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    pub fn year(self) -> usize {
        self.year
    }

    pub fn day(self) -> usize {
        self.day
    }

    pub fn month_name(self) -> &'static str {
        MONTHS[self.month - 1]
    }

    pub fn weekday_name(self) -> &'static str {
        let year = self.year - usize::from(self.month < 3);
        let days = year + year / 4 - year / 100 + year / 400 + SHIFTS[self.month - 1] + self.day;
        WEEKDAYS[days % 7]
    }
}

fn days_in(year: usize, month: usize) -> usize {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
