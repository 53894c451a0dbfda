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
    while let Some(chosen) = turns::next(candidates.clone(), weights) {
        let oldest = "SELECT id FROM fit WHERE status = 'queued' AND tenant = ?1 ORDER BY id LIMIT 1";
        let mut statement = connection.prepare_cached(oldest)?;
        let fit: Option<[u8; 16]> = statement.query_row([chosen.tenant.as_str()], |row| row.get(0)).optional()?;
        if let Some(fit) = fit {
            let taken = turns::after(&chosen, floor, weights);
            return Ok(Some(Chosen { fit: FitId::from_bytes(fit), taken, tenant: chosen.tenant }));
        }
        // The count is off: nobody waits there.
        let none = "UPDATE turn SET queued = 0 WHERE tenant = ?1";
        connection.prepare_cached(none)?.execute([chosen.tenant.as_str()])?;
        candidates.retain(|candidate| candidate.tenant != chosen.tenant);
    }
    Ok(None)
}

/// Counts again what is counted beside the fits: no checksum covers these numbers. Nothing is written where they are right.
pub(super) fn recount(connection: &Connection) -> Result<(), StoreError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(
        "INSERT INTO turn (tenant, queued)
             SELECT tenant, 0 FROM fit WHERE tenant NOT IN (SELECT tenant FROM turn) GROUP BY tenant;
         UPDATE turn SET queued = counted.queued
             FROM (SELECT t.tenant, (SELECT count(*) FROM fit f WHERE f.tenant = t.tenant AND f.status = 'queued') AS queued
                   FROM turn t) AS counted
             WHERE turn.tenant = counted.tenant AND turn.queued <> counted.queued;
         UPDATE tally SET fits = counted.fits
             FROM (SELECT s.status, count(f.id) AS fits FROM tally s LEFT JOIN fit f ON f.status = s.status
                   GROUP BY s.status) AS counted
             WHERE tally.status = counted.status AND tally.fits <> counted.fits;
         UPDATE dataset SET refs = counted.refs
             FROM (SELECT d.id, count(f.id) AS refs FROM dataset d LEFT JOIN fit f ON f.dataset = d.id GROUP BY d.id)
                 AS counted
             WHERE dataset.id = counted.id AND dataset.refs <> counted.refs;",
    )?;
    Ok(transaction.commit()?)
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
