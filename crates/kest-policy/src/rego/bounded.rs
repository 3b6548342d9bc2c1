//! Built-in functions whose answer can be far longer than what they are given, with a bound before them.

use kest_core::BoxError;
use regorus::unstable::{BUILTINS, Expr, Ref, Span};
use regorus::{Engine, Source, Value};

/// An argument asks for an answer that is too long.
#[derive(Debug, thiserror::Error)]
#[error("asks for more than {0} values")]
struct TooMuch(usize);

/// Lets `engine` call the functions of this kind that are among `called` for at most `bound` values.
///
/// regorus makes the whole answer before it looks at the time again, and a caller may have chosen the argument.
pub(super) fn bound(engine: &mut Engine, called: &[&str], bound: usize) -> Result<(), BoxError> {
    let source = Source::from_contents("builtin".to_owned(), String::new())?;
    for (name, length) in FUNCTIONS.iter().filter(|(name, _)| called.contains(name)) {
        let Some((function, arity)) = BUILTINS.get(name).copied() else { continue };
        let span = Span { source: source.clone(), line: 1, col: 1, start: 0, end: 0 };
        let place = Expr::Null { span: span.clone(), value: Value::Null, eidx: 0 };
        let places = vec![Ref::new(place); usize::from(arity)];
        let call = move |arguments: Vec<Value>| {
            let length = length(&arguments);
            if length.is_none_or(|length| usize::try_from(length).map_or(true, |length| length > bound)) {
                return Err(TooMuch(bound).into());
            }
            function(&span, &places, &arguments, true)
        };
        engine.add_extension((*name).to_owned(), arity, Box::new(call))?;
    }
    Ok(())
}

/// How many values the answer will have; `None` when that cannot be said.
type Length = fn(&[Value]) -> Option<u64>;

const FUNCTIONS: [(&str, Length); 4] = [
    ("numbers.range", |arguments| distance(arguments)),
    ("numbers.range_step", |arguments| {
        distance(arguments)?.checked_div(arguments.get(2)?.as_i64().ok()?.unsigned_abs())
    }),
    ("bits.lsh", |arguments| arguments.get(1)?.as_u64().ok()),
    ("net.cidr_expand", |arguments| {
        let (address, prefix) = arguments.first()?.as_string().ok()?.split_once('/')?;
        let bits: u32 = if address.contains(':') { 128 } else { 32 };
        1_u64.checked_shl(bits.checked_sub(prefix.parse().ok()?)?)
    }),
];

fn distance(arguments: &[Value]) -> Option<u64> {
    let (first, last) = (arguments.first()?.as_i64().ok()?, arguments.get(1)?.as_i64().ok()?);
    Some(first.abs_diff(last).saturating_add(1))
}
