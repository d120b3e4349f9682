//! Filters of the template library that make as much text as a number of the template says: the same, up to [`MOST`].

use minijinja::value::{Kwargs, Rest, StringInput, Value, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters};

/// The largest width or count. Templates of models indent by four and pad nothing.
const MOST: usize = 1000;

/// Puts them into `environment`.
pub(crate) fn limit(environment: &mut Environment<'_>) {
    environment.add_filter("indent", indent);
    environment.add_filter("format", format);
    environment.add_filter("batch", |state: &State, value: Value, count: usize, fill: Option<Value>| {
        small(count)?;
        filters::batch(state, value, count, fill)
    });
    environment.add_filter("slice", |state: &State, value: Value, count: usize, fill: Option<Value>| {
        small(count)?;
        filters::slice(state, value, count, fill)
    });
}

fn indent(value: StringInput<'_>, width: Option<usize>, first: Option<bool>, blank: Option<bool>, options: Kwargs) -> Result<Value, Error> {
    for width in [width, options.peek::<Option<usize>>("width")?].into_iter().flatten() {
        small(width)?;
    }
    filters::indent(value, width, first, blank, options)
}

fn format(state: &mut State, format: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    narrow(format.as_str().unwrap_or_default())?;
    filters::format(state, format, arguments)
}

/// Refuses a format string (`%5d`, `{:>5}`) with a width or precision that is too large. Numbers of the text itself ("December 2023") are none.
pub(crate) fn narrow(format: &str) -> Result<(), Error> {
    let percents = format.split('%').skip(1).map(|rest| {
        let end = rest.find(|character: char| !character.is_ascii_digit() && !"-+ #.".contains(character));
        &rest[..end.unwrap_or(rest.len())]
    });
    let braces = format.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default());
    percents
        .chain(braces)
        .flat_map(|field| field.split(|character: char| !character.is_ascii_digit()))
        .filter(|digits| !digits.is_empty())
        .try_for_each(|digits| small(digits.parse().unwrap_or(usize::MAX)))
}

fn small(count: usize) -> Result<(), Error> {
    if count <= MOST {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!("a width or count of {count}; {MOST} is the most"),
    ))
}
