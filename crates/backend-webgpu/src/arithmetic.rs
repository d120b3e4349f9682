//! Which of several forms of a kernel runs: plain 32-bit floats, or one of the options that a device may have.
//!
//! Every kernel has a plain form, and everything else is an option: asked for in [`crate::Options`] or later, granted where the device has what it
//! needs and the self-test found it right ([`Families`]). [`Arithmetic::EXACT`] is the default and what scores are made with: its options change at
//! most the order of a sum. [`Numbers::F16`] and [`Numbers::I8`] round the operands of products; [`crate::tune`] measures whether that is worth it.

use std::fmt;
use std::str::FromStr;

/// What the operands of a product with a weight are rounded to. Sums are always kept in 32-bit floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Not at all: 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats, both operands; products of more than 4 rows only (`shader-f16`). Off by at most 2e-3 of `Σ |w x|`.
    F16,
    /// Inputs to signed bytes with a scale for each 32, weights as they are quantised (`packed_4x8_integer_dot_product`); what llama.cpp does on
    /// processors. An input is off by at most 1/254 of the largest of its 32. Plain weights (F32, F16, BF16) are multiplied as floats.
    I8,
}

/// How products are computed. What a device does not have is replaced by 32-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    /// Matrix-vector products sum in registers first: another order of the same sum.
    pub subgroups: bool,
    /// Products of at most 4 rows: writing a text.
    pub matvec: Numbers,
    /// Products of more rows: reading a prompt, scoring.
    pub matmul: Numbers,
}

impl Arithmetic {
    /// 32-bit floats, with subgroups where there are any.
    pub const EXACT: Arithmetic = Arithmetic {
        subgroups: true,
        matvec: Numbers::F32,
        matmul: Numbers::F32,
    };
    /// 32-bit floats and nothing that is optional.
    pub const PLAIN: Arithmetic = Arithmetic {
        subgroups: false,
        ..Arithmetic::EXACT
    };

    /// What of this is possible.
    pub fn granted(self, families: Families) -> Arithmetic {
        let number = |wanted: Numbers, half: bool| match wanted {
            Numbers::F16 if half => Numbers::F16,
            Numbers::I8 if families.packed => Numbers::I8,
            _ => Numbers::F32,
        };
        Arithmetic {
            subgroups: self.subgroups && families.subgroups,
            matvec: number(self.matvec, false),
            matmul: number(self.matmul, families.half),
        }
    }
}

impl Default for Arithmetic {
    fn default() -> Self {
        Arithmetic::EXACT
    }
}

/// A group of kernels that needs something which not every device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Sums in registers.
    Subgroups,
    /// `shader-f16`.
    Half,
    /// `packed_4x8_integer_dot_product`.
    Packed,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 3] = [Family::Subgroups, Family::Half, Family::Packed];

    /// As WebGPU calls it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Subgroups => "subgroups",
            Family::Half => "shader-f16",
            Family::Packed => "packed_4x8_integer_dot_product",
        }
    }

    /// The least that uses it.
    pub fn arithmetic(self) -> Arithmetic {
        match self {
            Family::Subgroups => Arithmetic::EXACT,
            Family::Half => Arithmetic {
                matmul: Numbers::F16,
                ..Arithmetic::PLAIN
            },
            Family::Packed => Arithmetic {
                matvec: Numbers::I8,
                matmul: Numbers::I8,
                ..Arithmetic::PLAIN
            },
        }
    }
}

/// Which families may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Families {
    pub subgroups: bool,
    pub half: bool,
    pub packed: bool,
}

impl Families {
    /// Whether `family` is among them.
    pub fn has(self, family: Family) -> bool {
        match family {
            Family::Subgroups => self.subgroups,
            Family::Half => self.half,
            Family::Packed => self.packed,
        }
    }

    /// Without `family`.
    pub fn without(mut self, family: Family) -> Families {
        match family {
            Family::Subgroups => self.subgroups = false,
            Family::Half => self.half = false,
            Family::Packed => self.packed = false,
        }
        self
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Numbers::F32 => "f32",
            Numbers::F16 => "f16",
            Numbers::I8 => "i8",
        })
    }
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Numbers, String> {
        let all = [Numbers::F32, Numbers::F16, Numbers::I8];
        let found = all.into_iter().find(|numbers| numbers.to_string() == text);
        found.ok_or_else(|| format!("`{text}` is no arithmetic; there are f32, f16 and i8"))
    }
}

/// `matvec=f32 matmul=f16 subgroups`: short enough for a run record, and read back by [`FromStr`].
impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "matvec={} matmul={}", self.matvec, self.matmul)?;
        if self.subgroups { f.write_str(" subgroups") } else { Ok(()) }
    }
}

impl FromStr for Arithmetic {
    type Err = String;

    fn from_str(text: &str) -> Result<Arithmetic, String> {
        let mut found = Arithmetic::PLAIN;
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some(("matvec", numbers)) => found.matvec = numbers.parse()?,
                Some(("matmul", numbers)) => found.matmul = numbers.parse()?,
                None if word == "subgroups" => found.subgroups = true,
                _ => return Err(format!("`{word}` says nothing about kernels")),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nonsense_is_named() {
        let numbers = [Numbers::F32, Numbers::F16, Numbers::I8];
        for (matvec, matmul) in numbers.into_iter().flat_map(|a| numbers.map(|b| (a, b))) {
            for subgroups in [false, true] {
                let it = Arithmetic { subgroups, matvec, matmul };
                assert_eq!(it.to_string().parse(), Ok(it));
            }
        }
        assert_eq!(Arithmetic::EXACT.to_string(), "matvec=f32 matmul=f32 subgroups");
        assert!("matvec=f64".parse::<Arithmetic>().unwrap_err().contains("`f64`"));
        assert!("fast".parse::<Arithmetic>().unwrap_err().contains("`fast`"));
    }

    #[test]
    fn what_is_not_there_becomes_plain_floats() {
        let all = Families {
            subgroups: true,
            half: true,
            packed: true,
        };
        for family in Family::ALL {
            assert_eq!(family.arithmetic().granted(all), family.arithmetic());
            assert_eq!(family.arithmetic().granted(all.without(family)), Arithmetic::PLAIN);
        }
        let half_vectors = Arithmetic {
            matvec: Numbers::F16,
            ..Arithmetic::PLAIN
        };
        assert_eq!(half_vectors.granted(all), Arithmetic::PLAIN, "there is no such kernel");
    }
}
