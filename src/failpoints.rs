//! Named points at which a test can end, delay or break the process, as a power switch or a bug would.
//!
//! They exist in test builds alone: without the `fail` crate's feature, which only the tests ask for, [`reach`] is
//! nothing. A test configures them with the variable `FAILPOINTS`, in the form of that crate, before the process starts:
//! `store.committed=return` ends the process there without a destructor, `2*off->return` lets two passes go by first,
//! `panic` and `sleep(100)` mean what they say.

/// Every point, in the order in which a fit meets them; the tests go through this list.
pub const ALL: &[&str] = &[
    // The store's file is made or found.
    "open.locked",
    "open.drafted",
    "open.renamed",
    "migrate.begun",
    "migrate.ran",
    "migrate.committed",
    "migrate.vacuumed",
    "open.swept",
    // A large dataset goes to its file.
    "blob.written",
    "blob.renamed",
    // A transaction of the writer.
    "store.begun",
    "store.ran",
    "store.committed",
    "store.answered",
    // A fit's life.
    "submit.stored",
    "claim.stored",
    "beat.built",
    "beat.stored",
    // Within the guard against panics.
    "run.begun",
    "run.computed",
    "run.finished",
    "release.built",
    "cancel.stored",
    "delete.cancelled",
    "delete.stored",
    // What goes on beside the fits.
    "recover.begun",
    "recover.stored",
    "trim.begun",
    "trim.stored",
    "reconcile.begun",
    "shutdown.begun",
    "shutdown.released",
];

/// Passes the point `name`, unless a test says otherwise.
#[inline]
pub(crate) fn reach(name: &'static str) {
    debug_assert!(ALL.contains(&name), "{name} is not in the list");
    fail::fail_point!(name, |_| std::process::abort());
}
