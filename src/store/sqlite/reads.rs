//! What is read without the writer: lists, events and predictors, on one snapshot each.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::claimed::{self, StoredColumns};
use super::rows::{self, nanoseconds, whole};
use crate::fit::{Event, EventId, FitId, FitRecord, Predictor, Tenant};
use crate::store::{ListQuery, Page, StoreError, codec};

/// The fit, if it is the tenant's.
pub(super) fn fit(connection: &Connection, tenant: &Tenant, id: FitId) -> Result<Option<FitRecord>, StoreError> {
    if rows::belongs(connection, tenant, id)? { rows::load_record(connection, id) } else { Ok(None) }
}

/// A page, or the fits on it that are damaged, each with what of it is.
pub(super) enum Listed {
    Page(Page),
    Damaged(Vec<(FitId, &'static str)>),
}

/// Fits, newest first.
pub(super) fn list(connection: &Connection, tenant: &Tenant, query: &ListQuery) -> Result<Listed, StoreError> {
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
    let (mut fits, mut damaged) = (Vec::new(), Vec::new());
    let mut has_more = false;
    while let Some(row) = found.next()? {
        if fits.len() + damaged.len() == query.limit {
            has_more = true;
            break;
        }
        match rows::record(row) {
            Ok(record) => fits.push(record),
            Err(error) => damaged.push((FitId::from_bytes(row.get(11)?), error.damaged_record().ok_or(error)?)),
        }
    }
    Ok(if damaged.is_empty() { Listed::Page(Page { fits, has_more }) } else { Listed::Damaged(damaged) })
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
    let behind = "SELECT id, kind, at, seal FROM event WHERE fit = ?1 AND id > ?2 ORDER BY id";
    let mut statement = connection.prepare_cached(behind)?;
    let mut found = statement.query(params![id.as_bytes(), whole(after.0)])?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        events.push(rows::event(row, id)?);
    }
    Ok(events)
}

/// Where the fit's data is.
pub(super) fn columns(
    connection: &Connection,
    tenant: &Tenant,
    id: FitId,
) -> Result<Option<StoredColumns>, StoreError> {
    if rows::belongs(connection, tenant, id)? { claimed::columns(connection, id).map(Some) } else { Ok(None) }
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
