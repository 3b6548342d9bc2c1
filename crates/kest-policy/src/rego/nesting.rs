//! How deep expressions nest, read from the text alone: regorus follows them with the stack, from parsing on, and a
//! stack that ends takes the process with it.

use std::num::NonZeroUsize;

/// The line in which `text` nests too deep, if there is one.
pub(super) fn too_deep(text: &str) -> Option<NonZeroUsize> {
    let mut levels = Levels::default();
    let mut rest = text.as_bytes();
    let mut before = b' ';
    while let Some((&byte, after)) = rest.split_first() {
        let length = match byte {
            b'#' => until(after, |it| it == b'\n').saturating_add(1),
            b'"' => quoted(after).saturating_add(1),
            b'`' => until(after, |it| it == b'`').saturating_add(2),
            _ if is_word(byte) => until(rest, |it| !is_word(it)),
            _ => 1,
        };
        let (token, after) = rest.split_at(length.min(rest.len()));
        levels.take(token, before);
        if levels.depth() > DEPTH {
            let read = text.bytes().take(text.len().saturating_sub(rest.len()));
            return Some(NonZeroUsize::MIN.saturating_add(read.filter(|it| *it == b'\n').count()));
        }
        before = byte;
        rest = after;
    }
    None
}

/// The brackets that are open.
#[derive(Default)]
struct Levels {
    outer: Vec<Level>,
    inner: Level,
    /// Whether the last thing was a value: another one then begins another expression.
    after_value: bool,
}

/// What stands between one pair of brackets, or outside of all.
#[derive(Default)]
struct Level {
    /// Operators of the expression that is read: each may have everything before it below itself.
    operators: usize,
    /// The depth of its deepest value.
    value: usize,
    /// The depth of the expressions before it.
    deepest: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.deepest.max(self.operators.saturating_add(self.value))
    }

    fn next_expression(&mut self) {
        *self = Self { deepest: self.depth(), ..Self::default() };
    }
}

impl Levels {
    fn take(&mut self, token: &[u8], before: u8) {
        let after_value = std::mem::take(&mut self.after_value);
        match token {
            [b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => self.after_value = after_value,
            b"," | b";" => self.inner.next_expression(),
            b"(" | b"[" | b"{" => self.outer.push(std::mem::take(&mut self.inner)),
            b")" | b"]" | b"}" => {
                let depth = self.inner.depth().saturating_add(1);
                self.inner = self.outer.pop().unwrap_or_default();
                self.inner.value = self.inner.value.max(depth);
                self.after_value = true;
            }
            b"." | b":" => {}
            // The second half of `==`, `<=`, `>=`, `!=` and `:=`.
            b"=" if b"=<>!:".contains(&before) => {}
            [first, ..] if token != b"in" && (is_word(*first) || b"\"`".contains(first)) => {
                if after_value {
                    self.inner.next_expression();
                }
                self.after_value = true;
            }
            _ => self.inner.operators = self.inner.operators.saturating_add(1),
        }
    }

    fn depth(&self) -> usize {
        let open = self.outer.iter().map(|level| level.operators.saturating_add(1));
        open.fold(self.inner.depth(), usize::saturating_add)
    }
}

/// The bytes of a string in double quotes after its first, the last one included.
fn quoted(text: &[u8]) -> usize {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end.saturating_add(1))
}

fn until(text: &[u8], end: impl Fn(u8) -> bool) -> usize {
    text.iter().position(|byte| end(*byte)).unwrap_or(text.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Far more than anyone writes; regorus needs about 1 KiB of stack for each, and five times that when not optimised.
const DEPTH: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_that_of_the_deepest_expression_and_not_their_sum() {
        let one = format!("({}1{})", "(".repeat(40), ")".repeat(40));
        for many in [
            format!("package p\nx := [{}]", vec![one.clone(); 50].join(", ")),
            format!("package p\n{}", vec![format!("x if {{ 1 + {one} == 2\n y > 3 }}"); 50].join("\n")),
            format!("package p # {}", "(".repeat(500)),
            format!("package p\nx := \"\\\"{}\"\ny := `\"{}`", "(".repeat(500), "[".repeat(500)),
            format!("package p\n{}", "x := -1 <= 2\n".repeat(500)),
        ] {
            assert_eq!(too_deep(&many), None, "{many}");
        }
    }

    /// Attack: a policy file whose only purpose is to end the stack of its reader.
    #[test]
    fn every_way_to_nest_is_counted_with_its_line() {
        for deep in [
            "(".repeat(97),
            "f(".repeat(97),
            "set(".repeat(97),
            "[{".repeat(49),
            "-".repeat(97),
            format!("1{}", "+1".repeat(97)),
            format!("1{}", "\n == 1".repeat(97)),
            format!("1{}", " in [1]".repeat(97)),
            format!("{}1{}", "(1 + ".repeat(49), ")".repeat(49)),
            format!("{}1{}", "(".repeat(49), " + 1)".repeat(49)),
            format!("{}1{}", "{1 | {2 |".repeat(30), "}}".repeat(30)),
        ] {
            let text = format!("package p\n# \"\nallow if {deep}");
            assert!(too_deep(&text).is_some_and(|line| line.get() >= 3), "{deep}");
        }
        assert_eq!(too_deep(&format!("a\n`\n`\n{}", "(".repeat(97))), NonZeroUsize::new(4));
    }
}
