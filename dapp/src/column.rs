//! How 256-bit numbers lie in columns.

use alloy_primitives::U256;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// An amount: 32 bytes, big-endian, so that it sorts as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) U256);

impl ToSql for Word {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.to_be_bytes_vec()))
    }
}

impl FromSql for Word {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 32]>::column_result(value).map(|bytes| Self(U256::from_be_bytes(bytes)))
    }
}

/// A number modulo 2^256: the shortest big-endian two's complement, so that small slopes of either sign take few bytes.
/// It never sorts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Residue(pub(crate) U256);

impl ToSql for Residue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        if self.0.is_zero() {
            return Ok(ToSqlOutput::from(Vec::new()));
        }
        let bytes = self.0.to_be_bytes::<32>();
        let sign = if bytes[0] < 0x80 { 0x00 } else { 0xff };
        let is_sign = |pair: &&[u8]| pair[0] == sign && (pair[1] ^ sign) < 0x80;
        let skipped = bytes.windows(2).take_while(is_sign).count();
        Ok(ToSqlOutput::from(bytes[skipped..].to_vec()))
    }
}

impl FromSql for Residue {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let short = value.as_blob()?;
        let sign = if short.first().is_none_or(|byte| *byte < 0x80) { 0x00 } else { 0xff };
        let mut bytes = [sign; 32];
        let skipped = 32_usize
            .checked_sub(short.len())
            .ok_or(FromSqlError::InvalidBlobSize { expected_size: 32, blob_size: short.len() })?;
        bytes[skipped..].copy_from_slice(short);
        Ok(Self(U256::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[track_caller]
    fn check(number: U256, bytes: usize) {
        let connection = Connection::open_in_memory().unwrap();
        let (length, read): (usize, Residue) = connection
            .query_row("SELECT length(?1), ?1", [Residue(number)], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!((length, read.0), (bytes, number));
    }

    #[test]
    fn a_residue_takes_as_many_bytes_as_its_digits_and_sign_need() {
        check(U256::ZERO, 0);
        check(U256::from(1), 1);
        check(U256::from(0x7f), 1);
        check(U256::from(0x80), 2);
        check(U256::from(0xff), 2);
        check(U256::from(0x7fff), 2);
        check(U256::MAX, 1);
        check(U256::ZERO.wrapping_sub(U256::from(0x80)), 1);
        check(U256::ZERO.wrapping_sub(U256::from(0x81)), 2);
        check(U256::from(1) << 255, 32);
        check((U256::from(1) << 255) - U256::from(1), 32);
        check(U256::from(1) << 254, 32);
        check(U256::from(1) << 192, 25);
    }

    #[test]
    fn a_residue_of_more_than_32_bytes_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(connection.query_row("SELECT zeroblob(33)", [], |row| row.get::<_, Residue>(0)).is_err());
    }

    #[test]
    fn words_sort_as_numbers() {
        let connection = Connection::open_in_memory().unwrap();
        let sorts: bool = connection
            .query_row("SELECT ?1 < ?2", [Word(U256::from(9)), Word(U256::from(12))], |row| row.get(0))
            .unwrap();
        assert!(sorts);
    }
}
