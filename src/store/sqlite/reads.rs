//! What is read without the writer: lists, events and predictors, on one snapshot each.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::rows::{self, nanoseconds, whole};
use crate::fit::{Event, EventId, FitId, FitRecord, Predictor, Tenant};
use crate::store::{ListQuery, Page, StoreError, codec};

/// The fit, if it is the tenant's.
pub(super) fn fit(connection: &Connection, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    if rows::belongs(connection, tenant, id)? { rows::load_record(connection, id) } else { Ok(None) }
}

/// Fits, newest first. One whose documents are damaged is left out, so that it does not hide the others.
pub(super) fn list(connection: &Connection, tenant: &Tenant, query: &ListQuery) -> Result<Page, StoreError> {
    let mut sql = format!("{} WHERE f.tenant = ?", rows::select_records());
    let mut values = vec![Value::from(tenant.as_str().to_owned())];
    if let Some(status) = query.status {
        sql += " AND f.status = ?";
        values.push(status.as_str().to_owned().into());
    }
    if let Some(after) = query.created_after {
        sql += " AND f.created_at > ?";
        values.push(nanoseconds(after).into());
    }
    if let Some(before) = query.before {
        sql += " AND f.id < ?";
        values.push(before.as_bytes().to_vec().into());
    }
    for (key, value) in &query.labels {
        sql += " AND EXISTS (SELECT 1 FROM label l WHERE l.tenant = f.tenant AND l.key = ? AND l.value = ? AND l.fit = f.id)";
        values.extend([Value::from(key.clone()), Value::from(value.clone())]);
    }
    sql += " ORDER BY f.id DESC";

    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut fits = Vec::new();
    while let Some(row) = found.next()? {
        if fits.len() == query.limit {
            return Ok(Page { fits, has_more: true });
        }
        match rows::record(row) {
            Ok(record) => fits.push(record),
            Err(error) => match error.damaged_record() {
                Some(what) => tracing::error!(what, "a stored record is damaged; the list leaves out its fit"),
                None => return Err(error),
            },
        }
    }
    Ok(Page { fits, has_more: false })
}

/// The lifecycle events behind `after`.
pub(super) fn events(
    connection: &Connection,
    tenant: &Tenant,
    id: FitId,
    after: EventId,
) -> Result<Vec<Event>, StoreError> {
    if !rows::belongs(connection, tenant, id)? {
        return Ok(Vec::new());
    }
    let behind = "SELECT id, kind, at FROM event WHERE fit = ?1 AND id > ?2 ORDER BY id";
    let mut statement = connection.prepare_cached(behind)?;
    let mut found = statement.query(params![id.as_bytes(), whole(after.0)])?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        events.push(rows::event(row)?);
    }
    Ok(events)
}

/// What predictions need.
pub(super) fn predictor(connection: &Connection, tenant: &Tenant, id: FitId) -> Result<Option<Predictor>, StoreError> {
    if !rows::belongs(connection, tenant, id)? {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached("SELECT state FROM predictor WHERE fit = ?1")?;
    let state: Option<Vec<u8>> = statement.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    state.map(|state| codec::read_predictor(&state)).transpose()
}
