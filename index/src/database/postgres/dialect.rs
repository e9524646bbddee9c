//! From the common dialect to PostgreSQL's words.

use crate::rows::Value;

/// Outside of quotes and comments: `?1` becomes `$1`, INTEGER becomes BIGINT, BLOB becomes BYTEA, TEXT in capitals gets
/// the order of bytes, which is SQLite's, `X'00'` becomes a literal of BYTEA, and WITHOUT ROWID goes. Parameters without
/// a value become NULL itself, which fits everywhere, while a parameter must be of a type that the server can tell.
pub(super) fn translate(sql: &str, values: &[Value<'_>]) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let n_bytes = match first {
            '\'' | '"' => quoted(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'A'..='Z' | 'a'..='z' | '_' => {
                let word = word(rest);
                let n_bytes = translate_word(word, &rest[word.len()..], &mut out);
                rest = &rest[n_bytes..];
                continue;
            }
            // Digits are taken whole, so that the letters of a name with digits are not a word of their own.
            '0'..='9' => word(rest).len(),
            '?' => {
                let number = word(&rest[1..]);
                let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                if matches!(place.and_then(|place| values.get(place)), Some(Value::Null)) {
                    out.push_str("NULL");
                } else {
                    out.push('$');
                    out.push_str(number);
                }
                rest = &rest[1 + number.len()..];
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..n_bytes]);
        rest = &rest[n_bytes..];
    }
    out
}

/// Adds what stands for `word`, and gives the number of bytes that it stands for, some of which may be in `after`.
fn translate_word(word: &str, after: &str, out: &mut String) -> usize {
    if word.eq_ignore_ascii_case("INTEGER") {
        out.push_str("BIGINT");
    } else if word.eq_ignore_ascii_case("BLOB") {
        out.push_str("BYTEA");
    } else if word == "TEXT" {
        out.push_str("TEXT COLLATE \"C\"");
    } else if word.eq_ignore_ascii_case("X") && after.starts_with('\'') {
        let literal = &after[..quoted(after, '\'')];
        out.push_str("'\\x");
        out.push_str(&literal[1..]);
        out.push_str("::BYTEA");
        return word.len() + literal.len();
    } else if word.eq_ignore_ascii_case("WITHOUT") {
        let blank = after.len() - after.trim_start().len();
        let next = self::word(&after[blank..]);
        if next.eq_ignore_ascii_case("ROWID") {
            return word.len() + blank + next.len();
        }
        out.push_str(word);
    } else {
        out.push_str(word);
    }
    word.len()
}

/// How many bytes the quotes that `sql` begins with span. A doubled quote ends one and begins the next.
fn quoted(sql: &str, quote: char) -> usize {
    sql[1..].find(quote).map_or(sql.len(), |end| end + 2)
}

fn word(sql: &str) -> &str {
    &sql[..sql.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(sql.len())]
}

/// A whole number of 64 bits in the wire form of NUMERIC, which sums are: digits of base 10,000 with the weight of the
/// first, so that those that are left out at the end are zeros.
pub(super) fn integer(raw: &[u8]) -> Option<i64> {
    let part = |i: usize| raw.get(2 * i..2 * i + 2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
    let (n_digits, weight, sign) = (part(0)?, part(1)?, part(2)?);
    let sign = match sign {
        0 => 1,
        0x4000 => -1,
        _ => return None,
    };
    let mut value = 0_i128;
    for place in 0..usize::try_from(n_digits.max(weight + 1)).ok()? {
        let digit = if place < usize::try_from(n_digits).ok()? { part(4 + place)? } else { 0 };
        let is_whole = i16::try_from(place).ok()? <= weight;
        if is_whole {
            value = value.checked_mul(10_000)?.checked_add(i128::from(digit))?;
        } else if digit != 0 {
            return None;
        }
    }
    i64::try_from(value.checked_mul(sign)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        assert_eq!(translate(sql, &[]), expected);
    }

    #[test]
    fn words_and_parameters_are_translated_outside_of_quotes() {
        check("SELECT a FROM t WHERE b = ?1 AND c = ?12", "SELECT a FROM t WHERE b = $1 AND c = $12");
        check("SELECT '?1 INTEGER', \"blob ?2\", ?3", "SELECT '?1 INTEGER', \"blob ?2\", $3");
        check("SELECT 'it''s ?1', ?1", "SELECT 'it''s ?1', $1");
        check("CREATE TABLE t (a INTEGER, b blob) WITHOUT ROWID", "CREATE TABLE t (a BIGINT, b BYTEA) ");
        check("CREATE TABLE t (a TEXT NOT NULL)", "CREATE TABLE t (a TEXT COLLATE \"C\" NOT NULL)");
        check("SELECT text FROM t", "SELECT text FROM t");
        check("CREATE TABLE t (a INTEGER) WITHOUT\n rowid;", "CREATE TABLE t (a BIGINT) ;");
        check("WITHOUT OIDS", "WITHOUT OIDS");
        check("integer_count, blobs, n2INTEGER, x", "integer_count, blobs, n2INTEGER, x");
        check("a = X'00ff' OR x'' = b", "a = '\\x00ff'::BYTEA OR '\\x'::BYTEA = b");
        check("-- what ?1 is, isn't INTEGER\nSELECT ?1", "-- what ?1 is, isn't INTEGER\nSELECT $1");
        check("/* BLOB ' */ BLOB", "/* BLOB ' */ BYTEA");
        check("SELECT 'ä€' || ?1", "SELECT 'ä€' || $1");
        check("'open ?1", "'open ?1");
        check("", "");
    }

    #[test]
    fn parameters_without_a_value_are_written_out() {
        let values = [Value::Integer(1), Value::Null, Value::Null];
        let sql = "SELECT ?1 WHERE ?2 IS NULL OR '?2' = ?2 OR ?3 = ?13";
        assert_eq!(translate(sql, &values), "SELECT $1 WHERE NULL IS NULL OR '?2' = NULL OR NULL = $13");
    }

    #[track_caller]
    fn check_integer(parts: &[i16], expected: Option<i64>) {
        let raw: Vec<u8> = parts.iter().flat_map(|part| part.to_be_bytes()).collect();
        assert_eq!(integer(&raw), expected, "{parts:?}");
    }

    #[test]
    fn sums_are_read_as_integers() {
        check_integer(&[0, 0, 0, 0], Some(0));
        check_integer(&[1, 0, 0, 0, 7], Some(7));
        check_integer(&[1, 0, 0x4000, 0, 7], Some(-7));
        check_integer(&[1, 2, 0, 0, 7], Some(700_000_000));
        check_integer(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807], Some(i64::MAX));
        check_integer(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808], Some(i64::MIN));
        check_integer(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808], None);
        check_integer(&[2, 0, 0, 1, 7, 5000], None);
        check_integer(&[1, 30_000, 0, 0, 7], None);
        check_integer(&[0, 0, -0x4000, 0], None);
        check_integer(&[2, 1, 0, 0, 7], None);
        check_integer(&[1], None);
    }
}
