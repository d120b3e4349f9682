//! `strftime_now` for templates that print today's date.
//!
//! There is no clock here: a browser's worker and a test each know the time in their own way, and a prompt that changes overnight
//! makes runs incomparable. Without a time the function does not exist, and templates fall back to a fixed date of their own.

use crate::{Error, Result};

/// A local date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DateTime {
    pub year: i32,
    /// 1–12.
    pub month: u8,
    /// 1–31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl DateTime {
    /// Day of the week, 0 for Sunday (Sakamoto, 1992).
    fn weekday(&self) -> usize {
        const OFFSET: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = if self.month < 3 { self.year - 1 } else { self.year };
        let shift = OFFSET[usize::from(self.month - 1)];
        (year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + shift + i32::from(self.day)).rem_euclid(7) as usize
    }

    /// As Python's `strftime` in the C locale, for the directives that templates use. Errors: another directive, or no such date.
    pub fn format(&self, format: &str) -> Result<String> {
        if !(1..=12).contains(&self.month) || !(1..=31).contains(&self.day) {
            return Err(Error::Template(format!(
                "there is no date with month {} and day {}",
                self.month, self.day
            )));
        }
        let month = MONTHS[usize::from(self.month - 1)];
        let day = DAYS[self.weekday()];
        let mut text = String::new();
        let mut characters = format.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                text.push(character);
                continue;
            }
            match characters.next() {
                Some('Y') => text.push_str(&self.year.to_string()),
                Some('y') => text.push_str(&format!("{:02}", self.year.rem_euclid(100))),
                Some('m') => text.push_str(&format!("{:02}", self.month)),
                Some('d') => text.push_str(&format!("{:02}", self.day)),
                Some('H') => text.push_str(&format!("{:02}", self.hour)),
                Some('M') => text.push_str(&format!("{:02}", self.minute)),
                Some('S') => text.push_str(&format!("{:02}", self.second)),
                Some('B') => text.push_str(month),
                Some('b') => text.push_str(&month[..3]),
                Some('A') => text.push_str(day),
                Some('a') => text.push_str(&day[..3]),
                Some('%') => text.push('%'),
                other => {
                    return Err(Error::Template(format!(
                        "strftime_now: the directive %{} is not supported",
                        other.unwrap_or(' ')
                    )));
                }
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_python() {
        // Expected: datetime.datetime(2024, 2, 29, 7, 5, 9).strftime(…) and the two others of CPython 3.11.
        let leap = DateTime {
            year: 2024,
            month: 2,
            day: 29,
            hour: 7,
            minute: 5,
            second: 9,
        };
        assert_eq!(
            leap.format("%d %b %Y, %A %H:%M:%S %y%m%d 100%%").unwrap(),
            "29 Feb 2024, Thursday 07:05:09 240229 100%"
        );
        assert_eq!(
            DateTime {
                year: 2000,
                month: 1,
                day: 1,
                ..leap
            }
            .format("%a %B")
            .unwrap(),
            "Sat January"
        );
        assert_eq!(
            DateTime {
                year: 2026,
                month: 11,
                day: 22,
                ..leap
            }
            .format("%A")
            .unwrap(),
            "Sunday"
        );
        assert!(leap.format("%Q").is_err());
        assert!(DateTime { month: 13, ..leap }.format("%d").is_err());
    }
}
