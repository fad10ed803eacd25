//! JSON in its canonical form (RFC 8785): no spaces, keys sorted by UTF-16, numbers as ECMAScript writes them. (Of numbers with
//! more than 15 digits the parser may take the neighbour of the nearest.)

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Numbers from here on are written with an exponent, as powers of ten (ECMA-262, "Number::toString").
const EXPONENT_FROM: i32 = 21;
/// So are those that begin so many places after the point.
const EXPONENT_BELOW: i32 = -6;
/// Up to here whole numbers are exact in ECMAScript.
const EXACT_MAX: u64 = 1 << 53;

/// The bytes of a value.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write(value, &mut out);
    out.into_bytes()
}

/// As deep as the parser went.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => write_number(number, out),
        Value::Array(items) => {
            let mut before = '[';
            for item in items {
                out.push(std::mem::replace(&mut before, ','));
                write(item, out);
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            let is_empty = members.is_empty();
            let mut before = '{';
            for (key, member) in members {
                out.push(std::mem::replace(&mut before, ','));
                write(&Value::from(key.as_str()), out);
                out.push(':');
                write(member, out);
            }
            out.push_str(if is_empty { "{}" } else { "}" });
        }
        // Its strings escape what the RFC has escaped, in the same way.
        other => out.push_str(&other.to_string()),
    }
}

fn write_number(number: &Number, out: &mut String) {
    let is_exact = number.as_u64().or(number.as_i64().map(i64::unsigned_abs)).is_some_and(|whole| whole <= EXACT_MAX);
    match number.as_f64().filter(|_| !is_exact) {
        Some(float) => write_float(float, out),
        None => out.push_str(&number.to_string()),
    }
}

/// The fewest digits that mean this number, with the point where ECMAScript has it.
fn write_float(float: f64, out: &mut String) {
    if float == 0.0 {
        return out.push('0');
    }
    if float < 0.0 {
        out.push('-');
    }
    let text = format!("{:e}", float.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let split = |at: i32| digits.split_at(usize::try_from(at).unwrap_or_default());
    if !(EXPONENT_BELOW - 1 < exponent && exponent < EXPONENT_FROM) {
        let (first, rest) = split(1);
        let point = if rest.is_empty() { "" } else { "." };
        // Writing to a string does not fail.
        let _ = write!(out, "{first}{point}{rest}e{exponent:+}");
    } else if exponent < 0 {
        out.extend(["0.", &zeros(-exponent - 1), &digits]);
    } else if exponent + 1 >= count {
        out.extend([&*digits, &zeros(exponent + 1 - count)]);
    } else {
        let (whole, rest) = split(exponent + 1);
        out.extend([whole, ".", rest]);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn check(text: &str, expect: &str) {
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(String::from_utf8(bytes(&value)).expect("text"), expect);
    }

    #[test]
    fn values() {
        check(r#" { "b" : [ 1, true, null, {} ,[]], "a" : "x" } "#, r#"{"a":"x","b":[1,true,null,{},[]]}"#);
        check(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#, "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
        // RFC 8785 §3.2.3: sorted by UTF-16, where what needs two units comes before U+FB33.
        check(
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
        );
    }

    #[test]
    fn numbers() {
        // RFC 8785, appendix B, and what is at the edges.
        for (float, expect) in [
            (-0.0, "0"),
            (5e-324, "5e-324"),
            (-5e-324, "-5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (295_147_905_179_352_830_000.0, "295147905179352830000"),
            (9.999_999_999_999_997e22, "9.999999999999997e+22"),
            (1e23, "1e+23"),
            (1e21, "1e+21"),
            (999_999_999_999_999_900_000.0, "999999999999999900000"),
            (333_333_333.333_333_3, "333333333.3333333"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (0.000_012_34, "0.00001234"),
            (-12.5, "-12.5"),
            (100.0, "100"),
        ] {
            let mut out = String::new();
            write_float(float, &mut out);
            assert_eq!(out, expect);
        }
        for (text, expect) in [
            ("0", "0"),
            ("-7", "-7"),
            ("1.0", "1"),
            ("1E2", "100"),
            ("9007199254740992", "9007199254740992"),
            ("18446744073709551615", "18446744073709552000"),
        ] {
            check(text, expect);
        }
    }
}
