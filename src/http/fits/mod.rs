//! What can be done with fits, one file an operation, all of one shape: extract, call one method of the jobs, convert.

use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::fit::{FitId, Tenant};

mod answer;

mod cancel;
mod create;
mod delete;
mod events;
mod feed;
mod history;
mod list;
mod plot;
mod predict;
mod prefer;
mod read;
mod resume;

pub(super) use cancel::cancel;
pub(super) use create::create;
pub(super) use delete::delete;
pub(super) use events::events;
pub(super) use history::history;
pub(super) use list::list;
pub(super) use plot::plot;
pub(super) use predict::predict;
pub(super) use read::read;

/// The fit that the path names. An id that is none names no fit, so it is as unknown as any other.
pub(super) struct FitPath {
    pub(super) tenant: Tenant,
    pub(super) id: FitId,
}

impl<S: Send + Sync> FromRequestParts<S> for FitPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(text)| FitId::parse(&text)).ok_or_else(Problem::unknown_fit)?;
        Ok(Self { tenant: Tenant::default(), id })
    }
}
