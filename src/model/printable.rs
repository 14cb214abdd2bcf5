//! Text as a terminal, a log and a person can be shown it: whatever could act on the terminal is written out.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text in one line: line breaks and tabs are written out too.
pub fn in_a_line(text: &str) -> Cow<'_, str> {
    written_out(text, acts)
}

/// Text in lines, with its line breaks and tabs.
pub fn in_lines(text: &str) -> Cow<'_, str> {
    written_out(text, |c| !matches!(c, '\n' | '\t') && acts(c))
}

/// Whether a character does something else than to be seen: it moves the cursor, colours, rings, or turns the direction of what
/// stands beside it, so that text reads as something that it is not.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn written_out(text: &str, acts: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' if acts(c) => out.push_str("\\n"),
            '\t' if acts(c) => out.push_str("\\t"),
            _ if acts(c) => {
                // Writing into memory does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out_and_everything_else_stays() {
        for plain in ["", "C00010", "Łódź & Søn, 北京", "tab\there\nand a line"] {
            assert!(matches!(in_lines(plain), Cow::Borrowed(shown) if shown == plain));
        }
        assert_eq!(in_a_line("a\tb\nc"), "a\\tb\\nc");
        for acting in [
            "\u{1b}[31m",
            "\u{7}",
            "\r",
            "\u{9b}2J",
            "\u{202e}gpj.exe",
            "\0",
            "\u{7f}",
        ] {
            for shown in [in_lines(acting), in_a_line(acting)] {
                assert!(shown.starts_with("\\u{"), "{shown}");
                assert!(!shown.contains(acts), "{shown}");
            }
        }
    }
}
