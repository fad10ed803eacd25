//! How a connection to a SQLite file answers: at once, on the calling thread.

use futures_util::FutureExt as _;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode};

use super::{Field, Row, Texts, Value, places};
use crate::ledger::query::LedgerError;

/// The end of a future that never waits, as all of SQLite's.
pub(crate) fn at_once<T, E: From<LedgerError>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let waited = || Err(LedgerError::Corrupt("an embedded statement waited".to_owned()).into());
    future.now_or_never().unwrap_or_else(waited)
}

pub(crate) fn query(
    connection: &Connection,
    texts: &Texts,
    text: &'static str,
    parameters: &[Value<'_>],
) -> Result<Vec<Row>, LedgerError> {
    let mut answer = Vec::new();
    each(connection, texts, text, parameters, |statement| {
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            let fields = (0..columns).map(|at| row.get_ref(at).map_err(failed).and_then(field));
            answer.push(Row(fields.collect::<Result<_, _>>()?));
        }
        Ok(())
    })?;
    Ok(answer)
}

pub(crate) fn numbers(
    connection: &Connection,
    texts: &Texts,
    text: &'static str,
    parameters: &[Value<'_>],
) -> Result<Vec<i64>, LedgerError> {
    let mut answer = Vec::new();
    each(connection, texts, text, parameters, |statement| {
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            for at in 0..columns {
                answer.push(row.get(at).map_err(failed)?);
            }
        }
        Ok(())
    })?;
    Ok(answer)
}

pub(crate) fn execute(
    connection: &Connection,
    texts: &Texts,
    text: &'static str,
    parameters: &[Value<'_>],
) -> Result<u64, LedgerError> {
    let mut changed = 0;
    each(connection, texts, text, parameters, |statement| {
        changed += statement.raw_execute().map_err(failed)? as u64;
        Ok(())
    })?;
    Ok(changed)
}

/// Runs the statement once, or once for each place of its lists.
fn each(
    connection: &Connection,
    texts: &Texts,
    text: &'static str,
    parameters: &[Value<'_>],
    mut run: impl FnMut(&mut CachedStatement<'_>) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let places = places(parameters);
    if places == Some(0) {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(&texts.spoken(text)).map_err(failed)?;
    if statement.parameter_count() != parameters.len() {
        return Err(LedgerError::Corrupt(format!("a statement with another number of parameters: {text}")));
    }
    for place in 0..places.unwrap_or(1) {
        for (at, value) in parameters.iter().enumerate() {
            debug_assert_eq!(statement.parameter_name(at + 1), Some(format!("?{}", at + 1).as_str()), "{text}");
            // What is no list stays bound.
            if place == 0 || value.places().is_some() {
                statement.raw_bind_parameter(at + 1, bound(value, place)?).map_err(failed)?;
            }
        }
        run(&mut statement)?;
    }
    Ok(())
}

fn bound<'a>(value: &Value<'a>, place: usize) -> Result<ToSqlOutput<'a>, LedgerError> {
    Ok(match value {
        Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        Value::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
        Value::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
        Value::Bytes(value) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
        Value::List(list) => {
            let json = serde_json::to_string(list).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
            ToSqlOutput::Owned(json.into())
        }
        Value::Ints(list) => {
            ToSqlOutput::Borrowed(list.get(place).map_or(ValueRef::Null, |value| ValueRef::Integer(*value)))
        }
        Value::Texts(list) => {
            ToSqlOutput::Borrowed(list.get(place).map_or(ValueRef::Null, |value| ValueRef::Text(value.as_bytes())))
        }
        Value::Blobs(list) => {
            ToSqlOutput::Borrowed(list.get(place).map_or(ValueRef::Null, |value| ValueRef::Blob(value)))
        }
    })
}

fn field(value: ValueRef<'_>) -> Result<Field, LedgerError> {
    Ok(match value {
        ValueRef::Null => Field::Null,
        ValueRef::Integer(value) => Field::Int(value),
        ValueRef::Text(_) => Field::Text(value.as_str().map_err(|error| failed(error.into()))?.to_owned()),
        ValueRef::Blob(bytes) => Field::Bytes(bytes.to_vec().into()),
        ValueRef::Real(_) => return Err(LedgerError::Corrupt("a fraction in the database".to_owned())),
    })
}

pub(crate) fn failed(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerError::Full,
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::SchemaChanged,
        ) => LedgerError::Corrupt(error.to_string()),
        _ => LedgerError::Unavailable(error.to_string()),
    }
}
