//! As much of JSON as a trace is written in.

use std::fmt::Write;

/// Writes a string, quoted and escaped.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (place, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..place]);
        plain = place + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Writes a number.
pub(super) fn number(out: &mut String, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend(digits[first..].iter().map(|&digit| char::from(digit)));
}

/// Writes 128 bits as a string of 32 hexadecimal digits.
pub(super) fn hexadecimal(out: &mut String, value: u128) {
    out.push('"');
    let digits = value.to_be_bytes();
    let digits = digits.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    out.extend(digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn a_string_is_escaped_as_a_parser_expects() {
        for text in [
            "",
            "plain",
            "a\"b\\c\nd\te\u{1}f",
            "größe 🦀",
            "\"",
            "\u{7f}",
        ] {
            let json = written(|out| string(out, text));
            assert_eq!(
                serde_json::from_str::<String>(&json).unwrap(),
                text,
                "{json}"
            );
        }
    }

    #[test]
    fn numbers_are_written_to_the_last_digit() {
        for value in [0, 7, 10, 1_234_567_890, u64::MAX] {
            assert_eq!(written(|out| number(out, value)), value.to_string());
        }
        let value = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        assert_eq!(
            written(|out| hexadecimal(out, value)),
            format!("\"{value:032x}\"")
        );
    }
}
