//! How long a client is ready to wait for an answer: `Prefer: wait=N` (RFC 7240) and `?wait=N`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

use crate::fit::{FitId, FitRecord, Status, Tenant};
use crate::http::App;
use crate::http::problem::Problem;

/// A longer wait is taken as this one: proxies give up on silent connections.
pub(super) const WAIT_SECONDS_MAX: u64 = 60;

pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The seconds that `Prefer` asks to wait. A preference that cannot be read is ignored, as the RFC says.
pub(super) fn wait_seconds(headers: &HeaderMap) -> Option<u64> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split([',', ';'])).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse::<u64>().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then_some(seconds.min(WAIT_SECONDS_MAX))
    })
}

/// The fit as soon as it changes (see `Jobs::wait`), at the latest when the wait or the service ends.
pub(super) async fn wait(
    app: &App,
    tenant: &Tenant,
    id: FitId,
    than: Option<Status>,
    seconds: u64,
) -> Result<Option<FitRecord>, Problem> {
    tokio::select! {
        waited = app.jobs.wait(tenant, id, than, Duration::from_secs(seconds)) => Ok(waited?),
        () = app.shutdown.cancelled() => Ok(app.jobs.fit(tenant, id).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_from_among_other_preferences() {
        for (value, expected) in [
            ("wait=10", Some(10)),
            ("respond-async, Wait = \"5\"", Some(5)),
            ("wait=100000", Some(60)),
            ("wait=0", Some(0)),
            ("wait=-1", None),
            ("wait", None),
            ("handling=strict", None),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static("prefer"), value.parse().expect("value"))]);
            assert_eq!(wait_seconds(&headers), expected, "{value}");
        }
    }
}
