//! As much of JSON as a trace is written in.

use std::io::Write;

/// Writes a string, quoted and escaped.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (place, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[plain..place]);
        plain = place + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// Writes a number.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len() - 1;
    while value >= 10 {
        digits[first] = digit(value % 10);
        value /= 10;
        first -= 1;
    }
    digits[first] = digit(value);
    out.extend_from_slice(&digits[first..]);
}

/// Writes 128 bits as a string of 32 hexadecimal digits.
pub(super) fn hexadecimal(out: &mut Vec<u8>, value: u128) {
    let mut text = [b'"'; 34];
    for (place, byte) in value.to_be_bytes().into_iter().enumerate() {
        text[1 + 2 * place] = HEXADECIMAL[usize::from(byte >> 4)];
        text[2 + 2 * place] = HEXADECIMAL[usize::from(byte & 0xf)];
    }
    out.extend_from_slice(&text);
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

fn digit(value: u64) -> u8 {
    HEXADECIMAL[(value % 10) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
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
