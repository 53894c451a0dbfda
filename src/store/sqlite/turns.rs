//! Whose turn it is, on the tables. `store::turns` has the rule.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::fit::{FitId, Tenant};
use crate::store::turns::{self, Candidate};
use crate::store::{StoreError, Waiting, Weights};

/// The fit whose turn it is, and what its tenant has taken after it.
pub(super) struct Chosen {
    pub(super) fit: FitId,
    tenant: Tenant,
    taken: f64,
}

/// The fit whose turn it is.
pub(super) fn next(connection: &Connection, weights: &Weights) -> Result<Option<Chosen>, StoreError> {
    let waiting = "SELECT tenant, queued, taken FROM turn WHERE queued > 0 ORDER BY taken";
    let mut statement = connection.prepare_cached(waiting)?;
    let mut found = statement.query([])?;
    let mut candidates = Vec::new();
    while let Some(row) = found.next()? {
        let (tenant, taken) = (Tenant::named(&row.get::<_, String>(0)?), row.get(2)?);
        candidates.push(Candidate { running: 0, tenant, taken });
    }
    let floor = candidates.first().map_or(0.0, |first| first.taken);
    // With one tenant there is nothing to compare.
    if candidates.len() > 1 {
        for candidate in &mut candidates {
            candidate.running = running(connection, &candidate.tenant)?;
        }
    }
    let Some(chosen) = turns::next(candidates, weights) else { return Ok(None) };
    let oldest = "SELECT id FROM fit WHERE status = 'queued' AND tenant = ?1 ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(oldest)?;
    let fit: Option<[u8; 16]> = statement.query_row([chosen.tenant.as_str()], |row| row.get(0)).optional()?;
    let fit = FitId::from_bytes(fit.ok_or(StoreError::Corrupt { what: "turn" })?);
    Ok(Some(Chosen { fit, taken: turns::after(&chosen, floor, weights), tenant: chosen.tenant }))
}

/// Writes the turn down.
pub(super) fn take(connection: &Connection, chosen: &Chosen) -> Result<(), StoreError> {
    let update = "UPDATE turn SET taken = ?2 WHERE tenant = ?1";
    connection.prepare_cached(update)?.execute(params![chosen.tenant.as_str(), chosen.taken])?;
    Ok(())
}

/// How many fits of the tenant are queued.
pub(super) fn queued(connection: &Connection, tenant: &Tenant) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT queued FROM turn WHERE tenant = ?1")?;
    let mut found = statement.query([tenant.as_str()])?;
    found.next()?.map_or(Ok(0), |row| rows::natural(row, 0))
}

/// The tenants with queued fits.
pub(super) fn waiting(connection: &Connection) -> Result<Vec<Waiting>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT tenant, queued FROM turn WHERE queued > 0")?;
    let mut found = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = found.next()? {
        let tenant = Tenant::named(&row.get::<_, String>(0)?);
        all.push(Waiting { running: running(connection, &tenant)?, queued: rows::natural(row, 1)?, tenant });
    }
    Ok(all)
}

fn running(connection: &Connection, tenant: &Tenant) -> Result<u64, StoreError> {
    let count = "SELECT count(*) FROM fit WHERE tenant = ?1 AND status = 'running'";
    let mut statement = connection.prepare_cached(count)?;
    let mut found = statement.query([tenant.as_str()])?;
    found.next()?.map_or(Ok(0), |row| rows::natural(row, 0))
}
